-- An operator changes what somebody may do (docs/operations.md): until there is an administrator,
-- nobody else can make one.
--
--   hub.change_role(who, wanted)   for whoever may act as beheard_owner, which no role of the run
--                                  time may. Nothing is changed unless the outcome is CHANGED.
SET LOCAL ROLE beheard_owner;

-- The row that is being changed, and no other.
CREATE POLICY change_role ON "User" FOR UPDATE TO beheard_owner
  USING (id = current_setting('app.role_of', true))
  WITH CHECK (id = current_setting('app.role_of', true));
CREATE POLICY operator ON hub."AuditLog" FOR INSERT TO beheard_owner
  WITH CHECK ("actorRole" = 'operator');

-- `who` is a user's id, the e-mail of the profile, or the subject at the identity provider.
CREATE FUNCTION hub.change_role(who text, wanted public."Role")
  RETURNS TABLE (outcome text, "userId" text, before public."Role")
  VOLATILE LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  known text[];
  had public."Role";
BEGIN
  -- one change at a time: of two administrators who are demoted at once one stays
  PERFORM pg_advisory_xact_lock(hashtextextended('hub.change_role', 1));
  SELECT array_agg(u.id) INTO known FROM public."User" u
    WHERE NOT hub.under_erasure(u.id) AND (u.id = who OR lower(u.email) = lower(who) OR EXISTS (
      SELECT FROM public."ExternalIdentity" e WHERE e."userId" = u.id AND e."externalId" = who));
  IF known IS NULL THEN
    RETURN QUERY SELECT 'UNKNOWN', NULL::text, NULL::public."Role";
    RETURN;
  ELSIF cardinality(known) > 1 THEN
    RETURN QUERY SELECT 'AMBIGUOUS', NULL::text, NULL::public."Role";
    RETURN;
  END IF;
  SELECT u.role INTO had FROM public."User" u WHERE u.id = known[1];
  outcome := CASE
    WHEN had = wanted THEN 'UNCHANGED'
    WHEN had = 'ADMIN' AND NOT EXISTS (SELECT FROM public."User" u
      WHERE u.role = 'ADMIN' AND u.id <> known[1]) THEN 'LAST_ADMIN'
    ELSE 'CHANGED' END;
  IF outcome = 'CHANGED' THEN
    PERFORM set_config('app.role_of', known[1], true);
    UPDATE public."User" u SET role = wanted WHERE u.id = known[1];
    INSERT INTO hub."AuditLog" (id, "actorId", "actorRole", action, target, outcome)
      VALUES (gen_random_uuid()::text, 'operator', 'operator', 'role.change',
        jsonb_build_object('userId', known[1], 'from', had, 'to', wanted), 'DONE');
  END IF;
  RETURN QUERY SELECT outcome, known[1], had;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.change_role(text, public."Role") FROM PUBLIC;

RESET ROLE;
