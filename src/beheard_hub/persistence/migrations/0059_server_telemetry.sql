-- What the server counts of identity (spec 08), in the commit of what it counts: that somebody came
-- (once an hour at most, however many tokens are looked at), was merged, or has another role. What
-- happens in practices hosts count themselves.
--
-- Definer functions (docs/walls.md):
--   hub.count_arrival(), hub.count_merger(), hub.count_role()   triggers
--   hub.log_in(...)                                             as in 0055, and that it was used
SET LOCAL ROLE beheard_owner;

CREATE POLICY identity ON practice."TelemetryEvent" FOR INSERT TO beheard_owner
  WITH CHECK (name IN ('user_authenticated', 'user_merged', 'user_role_changed'));

CREATE FUNCTION hub.count_arrival() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO practice."TelemetryEvent" (id, name, properties, "userId")
    VALUES (gen_random_uuid()::text, 'user_authenticated',
      jsonb_build_object('role', NEW.role), NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_first_arrival AFTER INSERT ON "User" FOR EACH ROW
  WHEN (NEW."lastLoginAt" IS NOT NULL) EXECUTE FUNCTION hub.count_arrival();
CREATE TRIGGER count_arrival AFTER UPDATE OF "lastLoginAt" ON "User" FOR EACH ROW
  WHEN (NEW."lastLoginAt" > coalesce(OLD."lastLoginAt", '-infinity'))
  EXECUTE FUNCTION hub.count_arrival();

CREATE FUNCTION hub.count_merger() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO practice."TelemetryEvent" (id, name, "userId")
    VALUES (gen_random_uuid()::text, 'user_merged', NEW."userId");
  RETURN NULL;
END
$$;
CREATE TRIGGER count_merger AFTER INSERT ON hub."MergedGuest" FOR EACH ROW
  EXECUTE FUNCTION hub.count_merger();

CREATE FUNCTION hub.count_role() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO practice."TelemetryEvent" (id, name, properties, "userId")
    VALUES (gen_random_uuid()::text, 'user_role_changed',
      jsonb_build_object('from', NEW.target -> 'from', 'to', NEW.target -> 'to'),
      NEW.target ->> 'userId');
  RETURN NULL;
END
$$;
CREATE TRIGGER count_role AFTER INSERT ON hub."AuditLog" FOR EACH ROW
  WHEN (NEW.action = 'role.change' AND NEW.outcome = 'DONE') EXECUTE FUNCTION hub.count_role();

REVOKE EXECUTE ON FUNCTION hub.count_arrival(), hub.count_merger(), hub.count_role() FROM PUBLIC;

-- As in 0055; the time of the log-in is noted as that of guests is (0053), which counts it.
DO $$
DECLARE
  body text := pg_get_functiondef('hub.log_in(text, text, text, text, text[])'::regprocedure);
  place text := E'  RETURN NEXT;\nEND';
BEGIN
  IF strpos(body, place) = 0 THEN
    RAISE EXCEPTION 'hub.log_in is not as it was';
  END IF;
  EXECUTE replace(body, place, E'  PERFORM set_config(''app.recognised'', "userId", true);\n'
    '  UPDATE public."User" u SET "lastLoginAt" = now() WHERE u.id = "userId"\n'
    '    AND coalesce(u."lastLoginAt", ''-infinity'') < now() - interval ''1 hour'';\n' || place);
END
$$;

RESET ROLE;
