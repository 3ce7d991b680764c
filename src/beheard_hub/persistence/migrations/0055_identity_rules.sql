-- Rules about roles and identities that hold whoever asks and however many ask at once (spec 08):
-- nobody changes the own role, the last ADMIN stays one, the last identity of a user stays, and an
-- operator's list of addresses makes administrators and unmakes none.
--
-- Definer functions (docs/walls.md):
--   hub.log_in(provider, subject, name, e-mail, admins)   hub.provision_user, and who is promoted
--   hub.give_role(user, role)                             for administrators, by their own row
--   hub.unlink_identity(id)                               the actor's own
SET LOCAL ROLE beheard_owner;

CREATE POLICY administration ON hub."AuditLog" FOR INSERT TO beheard_owner
  WITH CHECK (action IN ('role.change', 'identity.unlink'));
CREATE POLICY unlink ON "ExternalIdentity" FOR DELETE TO beheard_owner
  USING (id = current_setting('app.unlinking', true));

-- Sets a role and says so in the log. The caller holds the lock of hub.change_role.
CREATE FUNCTION hub.set_role(actor text, as_role text, who text, had public."Role",
    wanted public."Role") RETURNS void
  VOLATILE LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM set_config('app.role_of', who, true);
  UPDATE public."User" u SET role = wanted WHERE u.id = who;
  INSERT INTO hub."AuditLog" (id, "actorId", "actorRole", action, target, outcome)
    VALUES (gen_random_uuid()::text, actor, as_role, 'role.change',
      jsonb_build_object('userId', who, 'from', had, 'to', wanted), 'DONE');
END
$$;

-- `by_email` is an address that the provider has verified, or NULL; `admins` are in lower case.
CREATE FUNCTION hub.log_in(by_provider text, external_id text, by_name text, by_email text,
    admins text[])
  RETURNS TABLE ("userId" text, role text, name text)
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  had public."Role";
BEGIN
  SELECT p."userId", p.role, p.name INTO "userId", role, name
    FROM hub.provision_user(by_provider, external_id, by_name, by_email) p;
  IF role <> 'ADMIN' AND lower(by_email) = ANY (admins) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('hub.change_role', 1));
    SELECT u.role INTO had FROM public."User" u
      WHERE u.id = "userId" AND u.role <> 'ADMIN' AND NOT hub.under_erasure(u.id);
    IF FOUND THEN
      PERFORM hub.set_role('operator', 'operator', "userId", had, 'ADMIN');
      role := 'ADMIN';
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- CHANGED, UNCHANGED, or nothing was done: FORBIDDEN (the actor is no administrator, or not any more),
-- UNKNOWN, OWN (nobody changes the own role), GUEST (who has no identity is nothing else). The last
-- administrator cannot be demoted: it would take another one. Of two who demote each other at once the
-- second is none any more.
CREATE FUNCTION hub.give_role(who text, wanted public."Role")
  RETURNS TABLE (outcome text, before public."Role")
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  had public."Role";
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('hub.change_role', 1));
  IF NOT coalesce(hub.is_role('admin'), false) THEN
    RETURN QUERY SELECT 'FORBIDDEN', NULL::public."Role";
    RETURN;
  END IF;
  SELECT u.role INTO had FROM public."User" u WHERE u.id = who AND NOT hub.under_erasure(u.id);
  outcome := CASE
    WHEN had IS NULL THEN 'UNKNOWN'
    WHEN who = hub.actor_id() THEN 'OWN'
    WHEN had = wanted THEN 'UNCHANGED'
    WHEN wanted = 'GUEST' OR NOT EXISTS (SELECT FROM public."ExternalIdentity" e
      WHERE e."userId" = who) THEN 'GUEST'
    ELSE 'CHANGED' END;
  IF outcome = 'CHANGED' THEN
    PERFORM hub.set_role(hub.actor_id(), 'admin', who, had, wanted);
  END IF;
  RETURN QUERY SELECT outcome, had;
END
$$;

-- DONE, or nothing was done: UNKNOWN (none of the actor's), LAST (somebody who has one keeps one).
CREATE FUNCTION hub.unlink_identity(identity_id text) RETURNS text
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  who text := CASE WHEN hub.as_user() THEN hub.actor_id() END;
BEGIN
  -- of two at once the second sees what the first one left
  PERFORM set_config('app.merging', coalesce(who, ''), true);
  PERFORM FROM public."User" u WHERE u.id = who FOR UPDATE;
  IF NOT EXISTS (SELECT FROM public."ExternalIdentity" e
      WHERE e.id = identity_id AND e."userId" = who) THEN
    RETURN 'UNKNOWN';
  ELSIF NOT EXISTS (SELECT FROM public."ExternalIdentity" e
      WHERE e.id <> identity_id AND e."userId" = who) THEN
    RETURN 'LAST';
  END IF;
  PERFORM set_config('app.unlinking', identity_id, true);
  DELETE FROM public."ExternalIdentity" e WHERE e.id = identity_id;
  INSERT INTO hub."AuditLog" (id, "actorId", "actorRole", action, target, outcome)
    VALUES (gen_random_uuid()::text, who, 'user', 'identity.unlink', '{}', 'DONE');
  RETURN 'DONE';
END
$$;

REVOKE EXECUTE ON FUNCTION hub.set_role(text, text, text, public."Role", public."Role"),
  hub.log_in(text, text, text, text, text[]), hub.give_role(text, public."Role"),
  hub.unlink_identity(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.log_in(text, text, text, text, text[])
  TO beheard_app, beheard_login;
GRANT EXECUTE ON FUNCTION hub.give_role(text, public."Role"), hub.unlink_identity(text)
  TO beheard_app;

RESET ROLE;
