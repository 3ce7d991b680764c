-- An idea whose consent was taken back leaves the pool: the partner's next read has nothing of it
-- (spec 2.3, consent.revoke). Its author still sees it as one's own. Ideas of the library and of the
-- facilitator stand on no consent.
SET ROLE beheard_owner;

-- SECURITY DEFINER: the partner cannot read the record. It answers yes or no and nothing else.
CREATE FUNCTION hub.idea_in_force(record text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN record IS NULL OR EXISTS (SELECT FROM public."ConsentRecord" c
    WHERE c.id = record AND c.decision = 'GRANTED' AND c."revokedAt" IS NULL);
END
$$;
REVOKE EXECUTE ON FUNCTION hub.idea_in_force(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.idea_in_force(text) TO beheard_app;

ALTER POLICY pool ON "StrategyProposal" USING (
  (select hub.current_stage()) >= 2
  AND EXISTS (SELECT FROM "Session" s
    WHERE s.id = "StrategyProposal"."sessionId" AND ("StrategyProposal".round < s."strategyRound"
      OR ("StrategyProposal".round = s."strategyRound"
        AND s."strategyPhase" IN ('RANKING', 'REVEALING', 'AGREED'))))
  AND hub.idea_in_force("StrategyProposal"."consentRecordId"));

RESET ROLE;
