-- Three people. a and b are in session s (a created it), c is alone in session t.
-- A row's id is the letter of its owner; what belongs to both is called like its session. Every free
-- text holds the word canary and the letter of whoever wrote it.
INSERT INTO "User" (id, email, name, role, "pushToken") VALUES
  ('a', 'a@canary.example', 'Anna', 'USER', 'canary-a'),
  ('b', 'b@canary.example', 'Bela', 'USER', 'canary-b'),
  ('c', 'c@canary.example', 'Cleo', 'USER', 'canary-c'),
  ('staff', NULL, 'Sam', 'STAFF', NULL), ('admin', NULL, 'Ada', 'ADMIN', NULL);
INSERT INTO "Relationship" (id) VALUES ('s'), ('t');
INSERT INTO "RelationshipMember" (id, "relationshipId", "userId", "partnerId") VALUES
  ('a', 's', 'a', 'b'), ('b', 's', 'b', 'a'), ('c', 't', 'c', NULL);
INSERT INTO "Session" (id, "relationshipId", "createdById", status) VALUES
  ('s', 's', 'a', 'ACTIVE'), ('t', 't', 'c', 'INVITED');
INSERT INTO "SharedVessel" (id, "sessionId") VALUES ('s', 's'), ('t', 't');

CREATE TEMP TABLE seat (u text, s text) ON COMMIT DROP;
INSERT INTO seat VALUES ('a', 's'), ('b', 's'), ('c', 't');

INSERT INTO "ContactMethod" (id, "userId", type, value, verified, "primary")
  SELECT u, u, 'email', u || '@canary.example', true, true FROM seat;
INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
  SELECT u, u, 'test', 'canary ' || u FROM seat;
INSERT INTO "Invitation" (id, "sessionId", "invitedById", email, name, status, "expiresAt")
  SELECT u, s, u, 'canary@' || u, 'canary ' || u,
    CASE u WHEN 'a' THEN 'ACCEPTED' ELSE 'PENDING' END::"InvitationStatus", now() + interval '7 days'
  FROM seat WHERE u <> 'b';
INSERT INTO "UserVessel" (id, "userId", "sessionId") SELECT u, u, s FROM seat;
INSERT INTO "SessionPrivate" (id, "sessionId", "userId", context)
  SELECT u, s, u, 'canary ' || u FROM seat;
INSERT INTO "StageProgress" (id, "sessionId", "userId", stage, status)
  SELECT u, s, u, 4, 'IN_PROGRESS' FROM seat;
INSERT INTO "Message" (id, "sessionId", "forUserId", "senderId", role, content, stage)
  SELECT u, s, u, u, 'USER', 'canary ' || u, 1 FROM seat;
INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo")
  SELECT u, u, 'canary ' || u, 'SELF' FROM seat;
INSERT INTO "EmotionalReading" (id, "vesselId", intensity, context, stage)
  SELECT u, u, 5, 'canary ' || u, 1 FROM seat;
INSERT INTO "IdentifiedNeed" (id, "vesselId", need, category, description, evidence, source)
  SELECT u, u, 'canary ' || u, 'SAFETY', 'canary ' || u, ARRAY['canary ' || u], 'SYNTHESISED'
  FROM seat;
INSERT INTO "NeedClarification" (id, "vesselId", "potentialNeed", question, "evidenceSoFar")
  SELECT u, u, 'canary ' || u, 'canary ' || u, 'canary ' || u FROM seat;
INSERT INTO "Boundary" (id, "vesselId", description) SELECT u, u, 'canary ' || u FROM seat;
INSERT INTO "UserDocument" (id, "vesselId", title, content, type)
  SELECT u, u, 'canary ' || u, 'canary ' || u, 'canary' FROM seat;
INSERT INTO "EmpathyDraft" (id, "sessionId", "userId", content)
  SELECT u, s, u, 'canary ' || u FROM seat;
INSERT INTO "EmotionalExerciseCompletion" (id, "sessionId", "userId", type, completed)
  SELECT u, s, u, 'GROUNDING', true FROM seat;
INSERT INTO "ConsentRecord" (id, "userId", "sessionId", "contentType", decision, "decidedAt",
    "transformedPreview", "contentDescription")
  SELECT u, u, s, 'IDENTIFIED_NEED'::"ConsentContentType", 'GRANTED'::"ConsentDecision", now(), 'canary ' || u,
    'canary ' || u FROM seat
  UNION ALL SELECT 'a-attempt', 'a', 's', 'EMPATHY_ATTEMPT', 'GRANTED', now(), NULL, 'canary a';
INSERT INTO "ConsentedContent" (id, "sharedVesselId", "sourceUserId", "transformedContent",
    "consentActive", "consentRecordId")
  SELECT u, s, u, 'canary shared ' || u, true, u FROM seat
  UNION ALL SELECT 'a-taken-back', 's', 'a', 'canary a', false, 'a'
  UNION ALL SELECT 'a-attempt', 's', 'a', 'canary a', true, 'a-attempt';
INSERT INTO "EmpathyAttempt" (id, "draftId", "sessionId", "sourceUserId", content, "consentRecordId")
  VALUES ('a', 'a', 's', 'a', 'canary a', 'a-attempt');
INSERT INTO "EmpathyValidation" (id, "attemptId", "sessionId", "userId", validated, feedback)
  VALUES ('b', 'a', 's', 'b', false, 'canary b');
INSERT INTO "CommonGround" (id, "sharedVesselId", need, category, description)
  SELECT DISTINCT s, s, 'canary both', 'SAFETY'::"NeedCategory", 'canary both' FROM seat;
INSERT INTO "StrategyProposal" (id, "sessionId", "createdByUserId", description, source,
    "consentRecordId")
  SELECT u, s, u, 'canary ' || u, 'USER_SUBMITTED'::"StrategySource", u FROM seat
  UNION ALL SELECT 'a-asked', 's', 'a', 'canary a', 'AI_SUGGESTED', NULL;
INSERT INTO "StrategyRanking" (id, "sessionId", "userId", round, "rankedIds")
  SELECT u, s, u, 1, ARRAY['a'] FROM seat WHERE u <> 'b';
INSERT INTO "Agreement" (id, "sharedVesselId", description, type)
  SELECT DISTINCT s, s, 'canary both', 'COMMITMENT'::"AgreementType" FROM seat;
INSERT INTO "GlobalLibraryItem" (id, title, description, category, source, "isActive") VALUES
  ('library', 'x', 'x', 'repair', 'CURATED', true), ('retired', 'x', 'x', 'repair', 'CURATED', false);

INSERT INTO hub."SessionEvent" ("sessionId", "userId", seq, name) SELECT s, u, 1, 'x' FROM seat;
INSERT INTO hub."CommandReceipt" ("sessionId", "userId", "commandId", name, digest)
  SELECT s, u, 'command', 'x', 'x' FROM seat;
INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt")
  SELECT u, s, u, 7, 'ai_turn', now() FROM seat;
INSERT INTO hub."Nudge" (id, "sessionId", "userId") SELECT u, s, u FROM seat;
INSERT INTO hub."AiUsage" (id, "sessionId", "userId", call, model, input, output, cached)
  SELECT u, s, u, 'x', 'x', 1, 1, 1 FROM seat;
INSERT INTO hub."Notification" (id, "userId", "sessionId", type) SELECT u, u, s, 'x' FROM seat;
INSERT INTO hub."AuditLog" (id, "actorId", "actorRole", action, outcome)
  SELECT u, u, 'user', 'x', 'ok' FROM seat;
INSERT INTO hub."HostLease" ("hostId", epoch, endpoint, "expiresAt")
  VALUES ('host', 1000, 'nowhere', now() + interval '1 day');
INSERT INTO hub."MergedGuest" ("guestId", "userId") SELECT u, u FROM seat;
-- a practises by an invitation of staff, c by one of the administrator, b by own will. The numbers of
-- a's session and messages begin with 1, b's with 2, c's with 3.
INSERT INTO practice."Scenario" (id, name, description, slug, "partnerPersona",
    "partnerSystemPrompt", "coachSystemPrompt", "partnerModel", "isActive")
  SELECT 9000 + n, 'x', 'x', 'scenario-' || n, 'x', 'canary prompt', 'canary prompt',
    'canary model', n = 1
  FROM generate_series(1, 2) n;
INSERT INTO practice."QuotaPreset" (id, name, label, quota)
  VALUES ('preset', 'x', 'x', '{"tokens": 100}');
INSERT INTO practice."Invitation" (id, token, label, "scenarioId", quota, "expiresAt", "claimedAt",
    "linkedUserId", "createdById")
  SELECT u, encode(sha256(u::bytea), 'hex'), 'canary ' || u, 9001, '{"tokens": 100}',
    now() + interval '30 days', now(), u, CASE u WHEN 'a' THEN 'staff' ELSE 'admin' END
  FROM seat WHERE u <> 'b';
INSERT INTO practice."ConversationSession" (id, "userId", "invitationId", "scenarioId", quota)
  VALUES (1, 'a', 'a', 9002, NULL), (2, 'b', NULL, 9001, '{"tokens": 100}'),
    (3, 'c', 'c', 9001, NULL);
INSERT INTO practice."Message" (id, "sessionId", role, content, metadata)
  SELECT 10 * c.id + r.n, c.id, r.role::practice."MessageRole", 'canary ' || c."userId",
    '{"exchangeId": "x"}'
  FROM practice."ConversationSession" c
  CROSS JOIN (VALUES (1, 'user'), (2, 'partner'), (3, 'coach')) AS r (n, role);
INSERT INTO practice."UsageLog" (id, "userId", "invitationId", "sessionId", model, "streamType",
    "inputTokens", "outputTokens")
  SELECT c."userId", c."userId", c."invitationId", c.id, 'x', 'partner', 1, 1
  FROM practice."ConversationSession" c;
INSERT INTO practice."ObservationNote" (id, "invitationId", "sessionId", "researcherId", content)
  SELECT i.id, i.id, c.id, i."createdById", 'canary ' || i.id FROM practice."Invitation" i
  JOIN practice."ConversationSession" c ON c."invitationId" = i.id;
INSERT INTO practice."TelemetryEvent" (id, name, "userId") SELECT u, 'x', u FROM seat;

-- Cleo has left: the marks alone, without what they set off, so that all rows are there to be seen.
SET LOCAL session_replication_role = replica;
INSERT INTO hub."Erasure" ("userId", "finishedAt") VALUES ('c', now());
UPDATE "UserVessel" SET "erasedAt" = now() WHERE id = 'c';
SET LOCAL session_replication_role = origin;
