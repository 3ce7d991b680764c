-- Who reads what of a practice (spec 08, 4.1): the participant one's own, staff what hangs on an
-- invitation that they made, administrators all, the two lanes of the exchange one session each.
--
-- A model call of an exchange reads with a role of its own in app.actor_role, `partner` or `coach`,
-- with the participant as actor and the session as app.current_session_id. No policy of mediation
-- knows these two roles and no policy here knows `ai`, so neither kind's models reach the other's
-- rows. `partner` does not see what the coach said, whatever the hub asks for.
--
-- Definer functions (docs/walls.md):
--   hub.practice_prompt()          partner, coach: the lane's own system prompt and model
--   hub.practice_scenarios()       the active scenarios as everybody may see them, without an actor
--   hub.practice_invitation(token) what whoever holds the token may know, before an actor is known
--   hub.invitations_held()         behind "InvitationHeld": the participant's, without the label
SET LOCAL ROLE beheard_owner;

-- The number of a practice session that is written as text, NULL for any other text.
CREATE FUNCTION hub.practice_number(t text) RETURNS bigint IMMUTABLE LANGUAGE sql
  RETURN CASE WHEN t ~ '^[1-9][0-9]{0,9}$' THEN t::bigint END;

-- The one session in which a lane reads; NULL for everybody else.
CREATE FUNCTION hub.practice_lane() RETURNS bigint STABLE LANGUAGE sql
  RETURN CASE WHEN hub.actor_role() IN ('partner', 'coach')
    THEN hub.practice_number(hub.current_session_id()) END;

-- Sessions whose messages the actor may read. With the caller's rights, through the policies below.
CREATE FUNCTION hub.practice_sessions() RETURNS int[] STABLE LANGUAGE plpgsql AS $$
BEGIN
  IF hub.practice_lane() IS NOT NULL THEN
    RETURN ARRAY(SELECT c.id FROM practice."ConversationSession" c
      WHERE c.id = hub.practice_lane() AND c."userId" = hub.actor_id());
  ELSIF hub.as_user() THEN
    RETURN ARRAY(SELECT c.id FROM practice."ConversationSession" c
      WHERE c."userId" = hub.actor_id());
  ELSIF hub.is_role('staff') THEN
    RETURN ARRAY(SELECT c.id FROM practice."Invitation" i
      JOIN practice."ConversationSession" c ON c."invitationId" = i.id
      WHERE i."createdById" = hub.actor_id());
  END IF;
  RETURN '{}';
END
$$;

CREATE FUNCTION hub.practice_prompt() RETURNS TABLE (prompt text, model text)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT
      CASE hub.actor_role() WHEN 'partner' THEN s."partnerSystemPrompt"
        ELSE s."coachSystemPrompt" END,
      CASE hub.actor_role() WHEN 'partner' THEN s."partnerModel" ELSE s."coachModel" END
    FROM practice."ConversationSession" c JOIN practice."Scenario" s ON s.id = c."scenarioId"
    WHERE c.id = hub.practice_lane() AND c."userId" = hub.actor_id();
END
$$;

CREATE FUNCTION hub.practice_scenarios()
  RETURNS TABLE (id int, name text, description text, slug text, "partnerPersona" text)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 10 AS $$
BEGIN
  RETURN QUERY SELECT s.id, s.name, s.description, s.slug, s."partnerPersona"
    FROM practice."Scenario" s WHERE s."isActive" ORDER BY s.name, s.id;
END
$$;

-- Nothing of what the inviter typed, and of who claimed it only whether it was claimed, and by whom
-- as an id, by which a host tells the same user's second claim.
CREATE FUNCTION hub.practice_invitation(hashed text)
  RETURNS TABLE (id text, "scenarioId" int, observed boolean, quota jsonb, usage jsonb,
    "expiresAt" timestamptz, "revokedAt" timestamptz, "claimedAt" timestamptz,
    "linkedUserId" text, "sessionId" int)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT i.id, i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt",
      i."revokedAt", i."claimedAt", i."linkedUserId", c.id
    FROM practice."Invitation" i
    LEFT JOIN practice."ConversationSession" c ON c."invitationId" = i.id
    WHERE i.token = hashed;
END
$$;

CREATE FUNCTION hub.invitations_held()
  RETURNS TABLE (id text, "scenarioId" int, observed boolean, quota jsonb, usage jsonb,
    "expiresAt" timestamptz, "revokedAt" timestamptz, "claimedAt" timestamptz,
    "createdAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 3 AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT i.id, i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt",
        i."revokedAt", i."claimedAt", i."createdAt"
      FROM practice."Invitation" i WHERE i."linkedUserId" = hub.actor_id();
  END IF;
END
$$;

GRANT EXECUTE ON FUNCTION hub.practice_number(text), hub.practice_lane()
  TO beheard_app, beheard_writer;
GRANT EXECUTE ON FUNCTION hub.practice_sessions(), hub.practice_prompt(),
  hub.practice_scenarios(), hub.practice_invitation(text), hub.invitations_held()
  TO beheard_app;

-- ---- policies -----------------------------------------------------------------------------------
DO $$
DECLARE
  t text;
BEGIN
  -- what the definer functions need to see
  FOREACH t IN ARRAY ARRAY['Scenario', 'Invitation', 'ConversationSession'] LOOP
    EXECUTE format('CREATE POLICY look_up ON practice.%I FOR SELECT TO beheard_owner USING (true)',
      t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['Scenario', 'QuotaPreset', 'Invitation', 'ConversationSession',
    'Message', 'UsageLog', 'ObservationNote', 'TelemetryEvent'] LOOP
    EXECUTE format('CREATE POLICY administration ON practice.%I FOR SELECT TO beheard_app'
      ' USING ((select hub.is_role(''admin'')))', t);
  END LOOP;
  -- The hub's scenarios and presets are filled in by the owner.
  FOREACH t IN ARRAY ARRAY['Scenario', 'QuotaPreset'] LOOP
    EXECUTE format('CREATE POLICY fill ON practice.%I TO beheard_owner USING (true)'
      ' WITH CHECK (true)', t);
  END LOOP;
END
$$;

-- Active ones, and the one that the actor's session began with.
CREATE POLICY active ON practice."Scenario" FOR SELECT TO beheard_app USING (
  "isActive" AND (select hub.actor_id()) IS NOT NULL AND (select hub.as_user()));
CREATE POLICY played ON practice."Scenario" FOR SELECT TO beheard_app USING (
  id IN (SELECT c."scenarioId" FROM practice."ConversationSession" c
    WHERE c."userId" = (select hub.actor_id())));
CREATE POLICY staff ON practice."Scenario" FOR SELECT TO beheard_app
  USING ((select hub.is_role('staff')));

CREATE POLICY people ON practice."QuotaPreset" FOR SELECT TO beheard_app USING (
  (select hub.actor_id()) IS NOT NULL
  AND ((select hub.as_user()) OR (select hub.is_role('staff'))));

CREATE POLICY made ON practice."Invitation" FOR SELECT TO beheard_app USING (
  "createdById" = (select hub.actor_id())
  AND ((select hub.as_user()) OR (select hub.is_role('staff'))));

CREATE POLICY own ON practice."ConversationSession" FOR SELECT TO beheard_app USING (
  "userId" = (select hub.actor_id())
  AND ((select hub.as_user()) OR id = (select hub.practice_lane())));
CREATE POLICY watched ON practice."ConversationSession" FOR SELECT TO beheard_app USING (
  (select hub.is_role('staff')) AND EXISTS (SELECT FROM practice."Invitation" i
    WHERE i.id = "ConversationSession"."invitationId"
      AND i."createdById" = (select hub.actor_id())));

CREATE POLICY seen ON practice."Message" FOR SELECT TO beheard_app USING (
  "sessionId" = ANY ((select hub.practice_sessions())::int[])
  AND (role <> 'coach' OR (select hub.actor_role()) <> 'partner'));

CREATE POLICY own ON practice."UsageLog" FOR SELECT TO beheard_app USING (
  "userId" = (select hub.actor_id()) AND (select hub.as_user()));
CREATE POLICY watched ON practice."UsageLog" FOR SELECT TO beheard_app USING (
  (select hub.is_role('staff')) AND EXISTS (SELECT FROM practice."Invitation" i
    WHERE i.id = "UsageLog"."invitationId" AND i."createdById" = (select hub.actor_id())));

-- Notes are the researchers': their own words, and what others wrote about the same invitation.
CREATE POLICY own ON practice."ObservationNote" FOR SELECT TO beheard_app USING (
  "researcherId" = (select hub.actor_id()) AND (select hub.as_user()));
CREATE POLICY watched ON practice."ObservationNote" FOR SELECT TO beheard_app USING (
  (select hub.is_role('staff')) AND EXISTS (SELECT FROM practice."Invitation" i
    WHERE i.id = "ObservationNote"."invitationId"
      AND i."createdById" = (select hub.actor_id())));

CREATE POLICY own ON practice."TelemetryEvent" FOR SELECT TO beheard_app USING (
  "userId" = (select hub.actor_id()) AND (select hub.as_user()));

-- ---- grants: no prompt, no model, no token ------------------------------------------------------
GRANT SELECT (id, name, description, slug, version, "partnerPersona", "isActive", "createdAt",
  "updatedAt") ON practice."Scenario" TO beheard_app;
GRANT SELECT (id, observed, "revokedAt", label, "scenarioId", quota, usage, "expiresAt",
  "claimedAt", "linkedUserId", "createdById", "createdAt", "updatedAt")
  ON practice."Invitation" TO beheard_app;
GRANT SELECT ON practice."QuotaPreset", practice."ConversationSession", practice."Message",
  practice."UsageLog", practice."ObservationNote", practice."TelemetryEvent" TO beheard_app;

CREATE VIEW practice."InvitationHeld" WITH (security_invoker = true) AS
  SELECT h.id, h."scenarioId", h.observed, h.quota, h.usage, h."expiresAt", h."revokedAt",
    h."claimedAt", h."createdAt" FROM hub.invitations_held() h;
GRANT SELECT ON practice."InvitationHeld" TO beheard_app;

RESET ROLE;
