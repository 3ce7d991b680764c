-- Guests (spec 08): users whom no identity provider knows. They hold a token of the hub whose subject
-- is the id of their row, and it is good for as long as it is used.
--
-- hub."MergedGuest" says which user a guest became whose row went (0054), so that the guest's token
-- and sockets follow. It holds ids only and is read by nobody but the function below.
--
-- Definer functions (docs/walls.md):
--   hub.recognise(user, used after)   the user of a token of the hub, and that it was used just now
SET LOCAL ROLE beheard_owner;

CREATE TABLE hub."MergedGuest" (
  "guestId" text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "MergedGuest_userId_idx" ON hub."MergedGuest" ("userId");
ALTER TABLE hub."MergedGuest" ENABLE ROW LEVEL SECURITY;
ALTER TABLE hub."MergedGuest" FORCE ROW LEVEL SECURITY;
CREATE POLICY look_up ON hub."MergedGuest" FOR SELECT TO beheard_owner USING (true);

-- The row that is being recognised, and no other.
CREATE POLICY recognise ON "User" FOR UPDATE TO beheard_owner
  USING (id = current_setting('app.recognised', true))
  WITH CHECK (id = current_setting('app.recognised', true));

-- Nobody where the user is not there, is leaving, or was not seen since `used_after`. A use is noted
-- once an hour: who uses a token all day writes a row now and then.
CREATE FUNCTION hub.recognise(who text, used_after timestamptz)
  RETURNS TABLE ("userId" text, role text, name text)
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  known public."User";
BEGIN
  SELECT u.* INTO known FROM public."User" u
    WHERE u.id = coalesce(
        (SELECT m."userId" FROM hub."MergedGuest" m WHERE m."guestId" = who), who)
      AND NOT hub.under_erasure(u.id)
      AND coalesce(u."lastLoginAt", u."createdAt") > used_after;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF coalesce(known."lastLoginAt", '-infinity') < now() - interval '1 hour' THEN
    PERFORM set_config('app.recognised', known.id, true);
    UPDATE public."User" u SET "lastLoginAt" = now() WHERE u.id = known.id;
  END IF;
  RETURN QUERY SELECT known.id, known.role::text, known.name;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.recognise(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.recognise(text, timestamptz) TO beheard_app, beheard_login;

RESET ROLE;
