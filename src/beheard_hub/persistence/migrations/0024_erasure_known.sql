-- Whoever loads a session or a directory learns which seats are tombstones and who is leaving:
--   facts.members = [{userId, vesselId, erased}]        facts.user = {id, role, erased} (directory)
-- and a relationship with somebody who has left has no partner any more who could be invited.
SET LOCAL ROLE beheard_owner;

DROP FUNCTION hub.session_members(text[]);
CREATE FUNCTION hub.session_members(sessions text[])
  RETURNS TABLE ("sessionId" text, "userId" text, "vesselId" text, erased boolean)
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT v."sessionId", v."userId", v.id, v."erasedAt" IS NOT NULL FROM public."UserVessel" v
    WHERE v."sessionId" = ANY (sessions)
$$;
REVOKE EXECUTE ON FUNCTION hub.session_members(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.session_members(text[]) TO beheard_app;

-- SECURITY DEFINER: a user's mark is the user's own row. It answers yes or no and nothing else.
CREATE FUNCTION hub.has_left(who text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT hub.under_erasure(who)
$$;
REVOKE EXECUTE ON FUNCTION hub.has_left(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.has_left(text) TO beheard_app;

-- A field more in three functions: the rest of them stays as it was written.
DO $$
DECLARE
  change record;
  body text;
BEGIN
  FOR change IN SELECT * FROM (VALUES
    ('hub.load_sessions(text[], jsonb)', 'u."vesselId" FROM', 'u."vesselId", u.erased FROM'),
    ('hub.load_sessions(text[], jsonb)', '''vesselId'', m."vesselId")',
      '''vesselId'', m."vesselId", ''erased'', m.erased)'),
    ('hub.relationship_facts()', '''partnerId'', m."partnerId"',
      '''partnerId'', CASE WHEN NOT hub.has_left(m."partnerId") THEN m."partnerId" END'),
    ('hub.load_directory(text)', '''role'', u.role)',
      '''role'', u.role, ''erased'', hub.under_erasure(u.id))')) AS c (name, old, new)
  LOOP
    body := pg_get_functiondef(change.name::regprocedure);
    IF strpos(body, change.old) = 0 THEN
      RAISE EXCEPTION '% is not as it was', change.name;
    END IF;
    EXECUTE replace(body, change.old, change.new);
  END LOOP;
END
$$;

RESET ROLE;
