-- Whoever loads a session learns who of its members lets partners see whether they are online:
--   facts.members = [{userId, vesselId, erased, presenceShown}]
SET LOCAL ROLE beheard_owner;

DROP FUNCTION hub.session_members(text[]);
CREATE FUNCTION hub.session_members(sessions text[])
  RETURNS TABLE ("sessionId" text, "userId" text, "vesselId" text, erased boolean,
    "presenceShown" boolean)
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT v."sessionId", v."userId", v.id, v."erasedAt" IS NOT NULL, u."presenceShown"
    FROM public."UserVessel" v JOIN public."User" u ON u.id = v."userId"
    WHERE v."sessionId" = ANY (sessions)
$$;
REVOKE EXECUTE ON FUNCTION hub.session_members(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.session_members(text[]) TO beheard_app;

DO $$
DECLARE
  change record;
  body text;
BEGIN
  FOR change IN SELECT * FROM (VALUES
    ('u.erased FROM', 'u.erased, u."presenceShown" FROM'),
    ('''erased'', m.erased)', '''erased'', m.erased, ''presenceShown'', m."presenceShown")'))
      AS c (old, new)
  LOOP
    body := pg_get_functiondef('hub.load_sessions(text[], jsonb)'::regprocedure);
    IF strpos(body, change.old) = 0 THEN
      RAISE EXCEPTION 'hub.load_sessions is not as it was';
    END IF;
    EXECUTE replace(body, change.old, change.new);
  END LOOP;
END
$$;

RESET ROLE;
