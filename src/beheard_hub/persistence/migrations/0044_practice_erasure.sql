-- Leaving (spec 4.5) with a practice behind one: what was said goes, and every note about it, and
-- what one noted about others, one's telemetry, and what an inviter typed to remember one by. Ids,
-- dates, counters and the account of tokens stay and lead to the tombstone. A session that was open
-- ends as ABANDONED.
--
-- Definer functions (docs/walls.md):
--   hub.erase_practice(user)   what the first and the last mark of 0023 take of the practice tables
SET LOCAL ROLE beheard_owner;

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES
    ('"Message"', 'DELETE', '(SELECT c."userId" FROM practice."ConversationSession" c'
      ' WHERE c.id = "sessionId")'),
    ('"ObservationNote"', 'DELETE', '"researcherId"'),
    ('"TelemetryEvent"', 'DELETE', '"userId"'),
    ('"ConversationSession"', 'UPDATE', '"userId"'),
    ('"Invitation"', 'UPDATE', '"createdById"')) AS e ("table", op, who)
  LOOP
    EXECUTE format('CREATE POLICY erase ON practice.%s FOR %s TO beheard_owner USING'
      ' (hub.under_erasure(%s))', t."table", t.op, t.who);
    EXECUTE format('CREATE POLICY erase_seen ON practice.%s FOR SELECT TO beheard_owner USING'
      ' (hub.under_erasure(%s))', t."table", t.who);
  END LOOP;
  -- what others wrote about somebody who leaves
  FOR t IN SELECT * FROM (VALUES
    ('"ObservationNote"', 'DELETE', '(SELECT i."linkedUserId" FROM practice."Invitation" i'
      ' WHERE i.id = "invitationId")'),
    ('"Invitation"', 'UPDATE', '"linkedUserId"')) AS e ("table", op, who)
  LOOP
    EXECUTE format('CREATE POLICY erase_about ON practice.%s FOR %s TO beheard_owner USING'
      ' (hub.under_erasure(%s))', t."table", t.op, t.who);
    EXECUTE format('CREATE POLICY erase_about_seen ON practice.%s FOR SELECT TO beheard_owner'
      ' USING (hub.under_erasure(%s))', t."table", t.who);
  END LOOP;
END
$$;

CREATE FUNCTION hub.erase_practice(who text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM practice."Message" t USING practice."ConversationSession" c
    WHERE c."userId" = who AND t."sessionId" = c.id;
  DELETE FROM practice."ObservationNote" t USING practice."Invitation" i
    WHERE i."linkedUserId" = who AND t."invitationId" = i.id;
  DELETE FROM practice."ObservationNote" t WHERE t."researcherId" = who;
  DELETE FROM practice."TelemetryEvent" t WHERE t."userId" = who;
  UPDATE practice."Invitation" t SET label = NULL
    WHERE t."linkedUserId" = who OR t."createdById" = who;
  UPDATE practice."ConversationSession" t SET status = 'ABANDONED', "endedAt" = now(),
      "durationSeconds" = greatest(0, extract(epoch FROM now() - t."startedAt"))::int
    WHERE t."userId" = who AND t.status IN ('ACTIVE', 'PAUSED');
  DELETE FROM hub."SessionEvent" t USING practice."ConversationSession" c
    WHERE c."userId" = who AND t."sessionId" = c.id::text AND t."userId" = who;
  DELETE FROM hub."CommandReceipt" t USING practice."ConversationSession" c
      LEFT JOIN practice."Invitation" i ON i.id = c."invitationId"
    WHERE (c."userId" = who OR i."createdById" = who) AND t."sessionId" = c.id::text
      AND t."userId" = who;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.erase_practice(text) FROM PUBLIC;

-- Both marks call hub.erase_person; reminders stay until the last one, because turns under way settle
-- them.
DO $$
DECLARE
  change record;
  body text;
BEGIN
  FOR change IN SELECT * FROM (VALUES
    ('hub.erase_person(text)', 'DELETE FROM hub."Notification" t WHERE t."userId" = who;',
      'PERFORM hub.erase_practice(who);'),
    ('hub.end_erasure()', 'PERFORM hub.erase_person(NEW."userId");',
      'DELETE FROM hub."Reminder" t USING practice."ConversationSession" c'
      ' WHERE c."userId" = NEW."userId" AND t."sessionId" = c.id::text'
      ' AND t."userId" = NEW."userId";')) AS c (name, after, added)
  LOOP
    body := pg_get_functiondef(change.name::regprocedure);
    IF strpos(body, change.after) = 0 THEN
      RAISE EXCEPTION '% is not as it was', change.name;
    END IF;
    EXECUTE replace(body, change.after, change.after || E'\n  ' || change.added);
  END LOOP;
END
$$;

RESET ROLE;
