-- Claiming an invitation (spec 08): whoever holds its token sees what it offers, and whoever is not
-- known yet becomes a guest in the commit of the claim, so that no guest is there without one.
--
-- Definer functions (docs/walls.md):
--   hub.practice_invitation(token)   as in 0041, with its status and its scenario as everybody may
--                                    see it, also one that is not offered to others any more
SET LOCAL ROLE beheard_owner;

-- The one rule of what becomes of an invitation.
CREATE FUNCTION hub.invitation_status(revoked timestamptz, expires timestamptz,
    claimed timestamptz) RETURNS text
  STABLE LANGUAGE sql
  RETURN CASE WHEN revoked IS NOT NULL THEN 'REVOKED' WHEN expires <= now() THEN 'EXPIRED'
    WHEN claimed IS NOT NULL THEN 'CLAIMED' ELSE 'PENDING' END;
REVOKE EXECUTE ON FUNCTION hub.invitation_status(timestamptz, timestamptz, timestamptz)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.invitation_status(timestamptz, timestamptz, timestamptz)
  TO beheard_app;

DROP FUNCTION hub.practice_invitation(text);
CREATE FUNCTION hub.practice_invitation(hashed text)
  RETURNS TABLE (id text, "scenarioId" int, observed boolean, quota jsonb, usage jsonb,
    "expiresAt" timestamptz, "revokedAt" timestamptz, "claimedAt" timestamptz,
    "linkedUserId" text, "sessionId" int, status text, scenario jsonb)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT i.id, i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt",
      i."revokedAt", i."claimedAt", i."linkedUserId", c.id,
      hub.invitation_status(i."revokedAt", i."expiresAt", i."claimedAt"),
      jsonb_build_object('id', s.id, 'name', s.name, 'description', s.description,
        'slug', s.slug, 'partnerPersona', s."partnerPersona")
    FROM practice."Invitation" i
    JOIN practice."Scenario" s ON s.id = i."scenarioId"
    LEFT JOIN practice."ConversationSession" c ON c."invitationId" = i.id
    WHERE i.token = hashed;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.practice_invitation(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.practice_invitation(text) TO beheard_app;

-- ---- guests -------------------------------------------------------------------------------------
DO $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', jsonb_set(hub.writable(), '{User,ops}', '"iu"'));
  EXECUTE (SELECT format('GRANT INSERT (%s) ON "User" TO beheard_writer',
      string_agg(format('%I', a.attname), ', '))
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = '"User"'::regclass AND a.attnum > 0
      AND NOT a.attisdropped AND a.attname <> 'updatedAt' AND a.attgenerated = '');
END
$$;
SELECT hub.make_puts();
SELECT hub.make_put();

-- Nobody but a guest who has nothing yet, and only on the guest's own behalf.
CREATE POLICY write_guest ON "User" FOR INSERT TO beheard_writer
  WITH CHECK (id = ANY ((select hub.writers())::text[]) AND role = 'GUEST' AND email IS NULL
    AND "pushToken" IS NULL);
CREATE POLICY fence_insert ON "User" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.lease_holds()));

RESET ROLE;
