-- Row-level security for reading (spec 4.1, 4.2): what `beheard_app` sees, as somebody.
-- It may read and nothing else. A table without a policy for it shows nothing.
SET LOCAL ROLE beheard_owner;

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT c.oid::regclass AS name FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_roles r ON r.oid = c.relowner AND r.rolname = 'beheard_owner'
    WHERE c.relkind = 'r'
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.name);
  END LOOP;
END
$$;

-- ---- what the definer functions of 0006 and 0010 need to see, and the triggers ------------------
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['User', 'ExternalIdentity', 'RelationshipMember', 'Session',
    'Invitation', 'StageProgress', 'UserVessel', 'SharedVessel', 'ConsentRecord',
    'ConsentedContent', 'EmpathyAttempt', 'EmpathyValidation', 'StrategyProposal',
    'StrategyRanking']
  LOOP
    EXECUTE format('CREATE POLICY look_up ON %I FOR SELECT TO beheard_owner USING (true)', t);
  END LOOP;
END
$$;
CREATE POLICY provision ON "User" FOR INSERT TO beheard_owner WITH CHECK (true);
CREATE POLICY provision ON "ExternalIdentity" FOR INSERT TO beheard_owner WITH CHECK (true);
CREATE POLICY take_back ON "ConsentedContent" FOR UPDATE TO beheard_owner
  USING (true) WITH CHECK (NOT "consentActive");
-- Later migrations fill the library as the owner.
CREATE POLICY fill ON "GlobalLibraryItem" TO beheard_owner USING (true) WITH CHECK (true);

-- ---- own rows, and the facilitator's in its one session -----------------------------------------
DO $$
DECLARE
  t record;
BEGIN
  -- keyed by session and user
  FOR t IN SELECT * FROM (VALUES
    ('SessionPrivate', 'userId'), ('StageProgress', 'userId'), ('Message', 'forUserId'),
    ('UserVessel', 'userId'), ('EmpathyDraft', 'userId'),
    ('EmotionalExerciseCompletion', 'userId'), ('ConsentRecord', 'userId'),
    ('EmpathyValidation', 'userId')) AS own ("table", "user")
  LOOP
    EXECUTE format('CREATE POLICY own ON %1$I FOR SELECT TO beheard_app USING ('
      '%2$I = (select hub.actor_id()) AND ((select hub.as_user())'
      ' OR "sessionId" = (select hub.ai_session())))', t."table", t."user");
  END LOOP;
  -- keyed by vessel
  FOR t IN SELECT unnest(ARRAY['UserEvent', 'EmotionalReading', 'IdentifiedNeed',
    'NeedClarification', 'Boundary', 'UserDocument']) AS "table"
  LOOP
    EXECUTE format('CREATE POLICY own ON %I FOR SELECT TO beheard_app USING ('
      '"vesselId" = ANY ((select hub.my_vessels())::text[]))', t."table");
  END LOOP;
  -- own rows of earlier sessions of the same relationship, for the facilitator in stages 1 and 2
  FOR t IN SELECT * FROM (VALUES ('UserVessel', 'id'), ('UserEvent', 'vesselId'),
    ('EmotionalReading', 'vesselId'), ('IdentifiedNeed', 'vesselId'), ('Boundary', 'vesselId'))
    AS own ("table", vessel)
  LOOP
    EXECUTE format('CREATE POLICY earlier ON %1$I FOR SELECT TO beheard_app USING ('
      '(select hub.ai_session()) IS NOT NULL'
      ' AND %2$I = ANY ((select hub.earlier_vessels())::text[]))', t."table", t.vessel);
  END LOOP;
  -- a person's own affairs, none of the facilitator's
  FOR t IN SELECT * FROM (VALUES
    ('"User"', 'id'), ('"ContactMethod"', 'userId'), ('"ExternalIdentity"', 'userId'),
    ('"Invitation"', 'invitedById'), ('hub."SessionEvent"', 'userId'),
    ('hub."CommandReceipt"', 'userId'), ('hub."Reminder"', 'userId'), ('hub."Nudge"', 'userId'),
    ('hub."Notification"', 'userId')) AS own ("table", "user")
  LOOP
    EXECUTE format('CREATE POLICY own ON %1$s FOR SELECT TO beheard_app USING ('
      '%2$I = (select hub.actor_id()) AND (select hub.as_user()))', t."table", t."user");
  END LOOP;
END
$$;

-- Timers of the session itself belong to nobody in particular; they hold ids only.
CREATE POLICY session ON hub."Reminder" FOR SELECT TO beheard_app USING (
  "userId" IS NULL AND (select hub.as_user())
  AND "sessionId" = ANY ((select hub.my_sessions())::text[]));

CREATE POLICY profile ON "User" FOR SELECT TO beheard_app USING ((select hub.is_role('admin')));
CREATE POLICY audit ON hub."AuditLog" FOR SELECT TO beheard_app
  USING ((select hub.is_role('admin')));

-- ---- the session and who is in it ---------------------------------------------------------------
CREATE POLICY members ON "Session" FOR SELECT TO beheard_app
  USING (id = ANY ((select hub.my_sessions())::text[]));
CREATE POLICY members ON "SharedVessel" FOR SELECT TO beheard_app
  USING ("sessionId" = ANY ((select hub.my_sessions())::text[]));
-- One's own member row carries the partner's id, so nobody else's needs to be seen.
CREATE POLICY own ON "RelationshipMember" FOR SELECT TO beheard_app USING (
  "userId" = (select hub.actor_id()) AND ((select hub.as_user()) OR EXISTS (
    SELECT FROM "Session" s WHERE s."relationshipId" = "RelationshipMember"."relationshipId")));
CREATE POLICY members ON "Relationship" FOR SELECT TO beheard_app USING (EXISTS (
  SELECT FROM "RelationshipMember" m WHERE m."relationshipId" = "Relationship".id
    AND m."userId" = (select hub.actor_id())));

-- ---- the shared vessel --------------------------------------------------------------------------
-- app.current_stage is a second lock on it: nothing below 2.
CREATE POLICY own ON "ConsentedContent" FOR SELECT TO beheard_app USING (
  "sourceUserId" = (select hub.actor_id())
  AND ((select hub.as_user()) OR ("consentActive" AND (select hub.current_stage()) >= 2))
  AND "sharedVesselId" = ANY ((select hub.my_shared_vessels())::text[]));
CREATE POLICY consented ON "ConsentedContent" FOR SELECT TO beheard_app USING (
  "consentActive" AND (select hub.current_stage()) >= 2
  AND "sharedVesselId" = ANY ((select hub.my_shared_vessels())::text[])
  AND ("contentType" NOT IN ('EMPATHY_ATTEMPT', 'EMPATHY_DRAFT')
    OR hub.attempt_shown((SELECT s."sessionId" FROM "SharedVessel" s
      WHERE s.id = "ConsentedContent"."sharedVesselId"))));

CREATE POLICY own ON "EmpathyAttempt" FOR SELECT TO beheard_app USING (
  "sourceUserId" = (select hub.actor_id())
  AND ((select hub.as_user()) OR "sessionId" = (select hub.ai_session())));
-- Nobody sees before showing, and who takes back sees no more.
CREATE POLICY both_shown ON "EmpathyAttempt" FOR SELECT TO beheard_app USING (
  "sessionId" = ANY ((select hub.my_sessions())::text[])
  AND (select hub.current_stage()) >= 2 AND "supersededById" IS NULL
  AND hub.attempt_in_force("consentRecordId") AND hub.attempt_shown("sessionId"));

-- While a round is collected only own ideas are seen: with two people, what is not mine is yours.
-- A session that collects round n has "strategyRound" = n from the moment it collects.
CREATE POLICY own ON "StrategyProposal" FOR SELECT TO beheard_app USING (
  "createdByUserId" = (select hub.actor_id()) AND (select hub.current_stage()) >= 2
  AND "sessionId" = ANY ((select hub.my_sessions())::text[]));
CREATE POLICY pool ON "StrategyProposal" FOR SELECT TO beheard_app USING (
  (select hub.current_stage()) >= 2 AND EXISTS (SELECT FROM "Session" s
    WHERE s.id = "StrategyProposal"."sessionId" AND ("StrategyProposal".round < s."strategyRound"
      OR ("StrategyProposal".round = s."strategyRound"
        AND s."strategyPhase" IN ('RANKING', 'REVEALING', 'AGREED')))));

CREATE POLICY own ON "StrategyRanking" FOR SELECT TO beheard_app USING (
  "userId" = (select hub.actor_id())
  AND ((select hub.as_user()) OR "sessionId" = (select hub.ai_session())));
CREATE POLICY both_ranked ON "StrategyRanking" FOR SELECT TO beheard_app USING (
  "sessionId" = ANY ((select hub.my_sessions())::text[])
  AND (select hub.current_stage()) >= 2 AND hub.has_ranked("sessionId", round));

CREATE POLICY members ON "CommonGround" FOR SELECT TO beheard_app USING (
  (select hub.current_stage()) >= CASE WHEN (select hub.as_user()) THEN 2 ELSE 3 END
  AND "sharedVesselId" = ANY ((select hub.my_shared_vessels())::text[]));
CREATE POLICY members ON "Agreement" FOR SELECT TO beheard_app USING (
  (select hub.current_stage()) >= CASE WHEN (select hub.as_user()) THEN 2 ELSE 4 END
  AND "sharedVesselId" = ANY ((select hub.my_shared_vessels())::text[]));
CREATE POLICY earlier ON "Agreement" FOR SELECT TO beheard_app USING (
  (select hub.ai_session()) IS NOT NULL
  AND "sharedVesselId" = ANY ((select hub.earlier_agreements())::text[]));

-- ---- the library --------------------------------------------------------------------------------
CREATE POLICY active ON "GlobalLibraryItem" FOR SELECT TO beheard_app USING (
  "isActive" AND (select hub.actor_id()) IS NOT NULL
  AND ((select hub.as_user()) OR (select hub.ai_session()) IS NOT NULL
    OR (select hub.is_role('staff'))));
CREATE POLICY administration ON "GlobalLibraryItem" FOR SELECT TO beheard_app
  USING ((select hub.is_role('admin')));

-- ---- grants -------------------------------------------------------------------------------------
GRANT SELECT ON
  "User", "ContactMethod", "ExternalIdentity", "Relationship", "RelationshipMember", "Invitation",
  "Session", "SessionPrivate", "StageProgress", "Message", "UserVessel", "UserEvent",
  "EmotionalReading", "IdentifiedNeed", "NeedClarification", "Boundary", "UserDocument",
  "EmpathyDraft", "EmotionalExerciseCompletion", "SharedVessel", "ConsentRecord",
  "ConsentedContent", "EmpathyAttempt", "EmpathyValidation", "CommonGround", "StrategyRanking",
  "Agreement", hub."SessionEvent", hub."CommandReceipt", hub."Reminder", hub."Nudge",
  hub."Notification", hub."AuditLog"
  TO beheard_app;
-- Nothing that tells the author: not "createdByUserId", not source, not the consent record.
GRANT SELECT (id, "sessionId", description, "needsAddressed", duration, "measureOfSuccess", round,
  "createdAt") ON "StrategyProposal" TO beheard_app;
-- Nothing that tells the contributor.
GRANT SELECT (id, title, description, category, source, "isActive", embedding, "embeddingModel",
  "createdAt", "updatedAt") ON "GlobalLibraryItem" TO beheard_app;

-- ---- views: what of another's row may be seen ---------------------------------------------------
CREATE VIEW "PartnerProgress" WITH (security_invoker = true) AS
  SELECT p."sessionId", p."userId", p.stage, p.status FROM hub.partner_progress() p;
CREATE VIEW "Person" WITH (security_invoker = true) AS
  SELECT p."userId", p.name, p."avatarUrl" FROM hub.people() p;
CREATE VIEW "PartnerValidation" WITH (security_invoker = true) AS
  SELECT v.id, v."attemptId", v."sessionId", v."userId", v.validated, v.feedback,
    v."feedbackShared", v."validatedAt", v."createdAt" FROM hub.validation_of_mine() v;
CREATE VIEW "InvitationSeen" WITH (security_invoker = true) AS
  SELECT i.id, i."sessionId", i."invitedById", i.status, i."expiresAt", i."acceptedAt",
    i."createdAt" FROM hub.invitations_seen() i;
GRANT SELECT ON "PartnerProgress", "Person", "PartnerValidation", "InvitationSeen" TO beheard_app;

RESET ROLE;
