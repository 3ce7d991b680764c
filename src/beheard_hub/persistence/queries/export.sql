-- What a user takes along (spec 4.5), one query to a table, read as that user. `export.py` lists
-- them and says which columns stay behind. Pages by key: "key" (or id) of the last row of the page
-- before, NULL = from the start. Of the partner only what is active is here, in the shapes of spec 5.4.

-- name: export.sessions
-- Sessions that the user is in, of both kinds, and the stage that the user has come to in each; a
-- practice has none.
-- args: user_id, after_key, limit
SELECT s.id, s.stage FROM (
    SELECT v."sessionId" AS id, max(p.stage) AS stage
    FROM "UserVessel" v
    LEFT JOIN "StageProgress" p ON p."sessionId" = v."sessionId" AND p."userId" = v."userId"
    WHERE v."userId" = $1
    GROUP BY v."sessionId"
    UNION ALL
    SELECT c.id::text, NULL FROM practice."ConversationSession" c WHERE c."userId" = $1
) s
WHERE $2::text IS NULL OR s.id > $2
ORDER BY s.id
LIMIT $3::int;

-- name: export.User
-- args: user_id, after_key, limit
SELECT t.id, t.email, t.name, t."avatarUrl", t.role, t."pushPlatform", t."presenceShown",
       t."lastLoginAt", t."createdAt", t."updatedAt"
FROM "User" t
WHERE t.id = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.ContactMethod
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t.type, t.value, t.verified, t."primary", t."createdAt", t."updatedAt"
FROM "ContactMethod" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.ExternalIdentity
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t.provider, t."externalId", t.email, t."createdAt", t."updatedAt"
FROM "ExternalIdentity" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Relationship
-- args: user_id, after_key, limit
SELECT r.id, r."createdAt"
FROM "Relationship" r JOIN "RelationshipMember" m ON m."relationshipId" = r.id
WHERE m."userId" = $1 AND ($2::text IS NULL OR r.id > $2)
ORDER BY r.id
LIMIT $3::int;

-- name: export.RelationshipMember
-- args: user_id, after_key, limit
SELECT t.id, t."relationshipId", t."userId", t."partnerId", t."joinedAt", t.role, t."createdAt"
FROM "RelationshipMember" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Invitation
-- Those that the user sent, with what the user typed.
-- args: user_id, after_key, limit
SELECT t.id, t."sessionId", t."invitedById", t.email, t.phone, t.name, t.status, t."expiresAt",
       t."acceptedAt", t."declinedAt", t."declineReason", t."resendCount", t."lastSentAt",
       t."createdAt"
FROM "Invitation" t
WHERE t."invitedById" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Notification
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t.type, t.data, t."deliveredVia", t."readAt",
       t."createdAt"
FROM hub."Notification" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Reminder
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t.kind, t."dueAt", t.payload, t."firedAt", t."createdAt"
FROM hub."Reminder" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Nudge
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t.at
FROM hub."Nudge" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.AiUsage
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t.call, t.model, t.input, t.output, t.cached, t.at
FROM hub."AiUsage" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.AuditLog
-- args: after_key, limit
SELECT a.id, a."actorRole", a.action, a."sessionId", a.target, a.outcome, a.at
FROM hub.own_audit($1::text, $2::int) a;

-- name: export.CommandReceipt
-- One session's, or with '' those of commands without one.
-- args: session_id, user_id, after_key, limit
SELECT r."sessionId", r."userId", r."commandId", r.name, r.reply, r.at, r."commandId" AS key
FROM hub."CommandReceipt" r
WHERE r."sessionId" = $1 AND r."userId" = $2 AND ($3::text IS NULL OR r."commandId" > $3)
ORDER BY r."commandId"
LIMIT $4::int;

-- name: export.Session
-- args: session_id, after_key, limit
SELECT s.id, s."relationshipId", s."createdById", s.status, s."resolvedAt", s.outcome,
       s."pausedAt", s."pausedById", s."strategyPhase", s."strategyRound", s."createdAt"
FROM "Session" s
WHERE s.id = $1 AND ($2::text IS NULL OR s.id > $2)
ORDER BY s.id
LIMIT $3::int;

-- name: export.SessionPrivate
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."userId", t.context, t."pauseReason", t."createdAt", t."updatedAt"
FROM "SessionPrivate" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.StageProgress
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."userId", t.stage, t.status, t."startedAt", t."completedAt",
       t."gatesSatisfied", t."gatesAt", t."feedbackAcceptedAt"
FROM "StageProgress" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.UserVessel
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t."createdAt"
FROM "UserVessel" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.Message
-- The own thread, with what the facilitator said in it.
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."forUserId", t."senderId", t.role, t.content, t.stage, t.timestamp,
       t."extractedNeeds", t."extractedEmotions"
FROM "Message" t
WHERE t."sessionId" = $1 AND t."forUserId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.UserEvent
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t.description, t."attributedTo", t.emotions, t.timestamp,
       t."createdAt", t."updatedAt"
FROM "UserEvent" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmotionalReading
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t.intensity, t.context, t.stage, t.timestamp, t."createdAt",
       t."updatedAt"
FROM "EmotionalReading" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.IdentifiedNeed
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t.need, t.category, t.description, t.evidence, t.confirmed,
       t."answeredAt", t.source, t."aiConfidence", t."createdAt", t."updatedAt"
FROM "IdentifiedNeed" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.NeedClarification
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t."potentialNeed", t.question, t."evidenceSoFar", t.answer,
       t."answeredAt", t."createdAt", t."updatedAt"
FROM "NeedClarification" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.Boundary
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t.description, t."nonNegotiable", t."createdAt", t."updatedAt"
FROM "Boundary" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.UserDocument
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."vesselId", t.title, t.content, t.type, t."createdAt", t."updatedAt"
FROM "UserDocument" t JOIN "UserVessel" v ON v.id = t."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmpathyDraft
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."userId", t.content, t."readyToShare", t.version, t."createdAt",
       t."updatedAt"
FROM "EmpathyDraft" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmotionalExerciseCompletion
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."userId", t.type, t.completed, t."completedAt", t."intensityBefore",
       t."intensityAfter", t."createdAt"
FROM "EmotionalExerciseCompletion" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.ConsentRecord
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."userId", t."sessionId", t."contentType", t."targetId", t."requestedByUserId",
       t.decision, t."decidedAt", t."revokedAt", t."transformedPreview", t."contentDescription",
       t.metadata, t."createdAt", t."updatedAt"
FROM "ConsentRecord" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.ConsentedContent
-- What the user shared, also what was taken back.
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sharedVesselId", t."sourceUserId", t."originalNeedId", t."contentType",
       t.category, t."transformedContent", t."consentedAt", t."consentActive", t."revokedAt",
       t."consentRecordId", t."createdAt", t."updatedAt"
FROM "ConsentedContent" t JOIN "SharedVessel" v ON v.id = t."sharedVesselId"
WHERE v."sessionId" = $1 AND t."sourceUserId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.ConsentedContent.partner
-- What is shared with the user now.
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sharedVesselId", t."sourceUserId", t."contentType", t."transformedContent",
       t."consentedAt", t."consentActive"
FROM "ConsentedContent" t JOIN "SharedVessel" v ON v.id = t."sharedVesselId"
WHERE v."sessionId" = $1 AND t."sourceUserId" <> $2 AND t."consentActive"
  AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmpathyAttempt
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."draftId", t."sessionId", t."sourceUserId", t.content, t."sharedAt",
       t."consentRecordId", t."supersededById", t."createdAt"
FROM "EmpathyAttempt" t
WHERE t."sessionId" = $1 AND t."sourceUserId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmpathyAttempt.partner
-- The partner's, while both have one in force.
-- args: session_id, user_id, after_key, limit
SELECT a.id, a."sessionId", a."sourceUserId", a.content, a."sharedAt", a."consentRecordId"
FROM "EmpathyAttempt" a
WHERE a."sessionId" = $1 AND a."sourceUserId" <> $2 AND a."supersededById" IS NULL
  AND ($3::text IS NULL OR a.id > $3)
ORDER BY a.id
LIMIT $4::int;

-- name: export.EmpathyValidation
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."attemptId", t."sessionId", t."userId", t.validated, t.feedback,
       t."feedbackShared", t."validatedAt", t."createdAt"
FROM "EmpathyValidation" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.EmpathyValidation.partner
-- What the partner let the user know of an attempt.
-- args: session_id, after_key, limit
SELECT p.id, p."attemptId", p."sessionId", p."userId", p.validated, p.feedback, p."feedbackShared",
       p."validatedAt"
FROM "PartnerValidation" p
WHERE p."sessionId" = $1 AND ($2::text IS NULL OR p.id > $2)
ORDER BY p.id
LIMIT $3::int;

-- name: export.CommonGround
-- What stands now.
-- args: session_id, after_key, limit
SELECT t.id, t."sharedVesselId", t.need, t.category, t.description, t."confirmedByA",
       t."confirmedByB", t."confirmedAt", t."createdAt"
FROM "CommonGround" t JOIN "SharedVessel" v ON v.id = t."sharedVesselId"
WHERE v."sessionId" = $1 AND NOT t.stale AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.Agreement
-- args: session_id, after_key, limit
SELECT t.id, t."sharedVesselId", t.description, t.type, t.status, t."agreedByA", t."agreedByB",
       t."agreedAt", t."followUpDate", t."completedAt", t.duration, t."measureOfSuccess",
       t."proposalId", t."staleInput", t."createdAt"
FROM "Agreement" t JOIN "SharedVessel" v ON v.id = t."sharedVesselId"
WHERE v."sessionId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.StrategyProposal
-- Own ideas, and those that the facilitator made for the user. The pool names no author.
-- args: session_id, after_key, limit
SELECT p.id, p."sessionId", p.description, p."needsAddressed", p.duration, p."measureOfSuccess",
       p.round, o.source, p."createdAt"
FROM hub.own_strategies($1) o JOIN "StrategyProposal" p ON p.id = o.id
WHERE $2::text IS NULL OR p.id > $2
ORDER BY p.id
LIMIT $3::int;

-- name: export.StrategyRanking
-- args: session_id, user_id, after_key, limit
SELECT t.id, t."sessionId", t."userId", t.round, t."rankedIds", t."submittedAt", t."createdAt"
FROM "StrategyRanking" t
WHERE t."sessionId" = $1 AND t."userId" = $2 AND ($3::text IS NULL OR t.id > $3)
ORDER BY t.id
LIMIT $4::int;

-- name: export.SessionEvent
-- args: session_id, user_id, after_key, limit
SELECT e."sessionId", e."userId", e.seq, e.name, e.data, e.at, e.seq::text AS key
FROM hub."SessionEvent" e
WHERE e."sessionId" = $1 AND e."userId" = $2 AND ($3::text IS NULL OR e.seq > $3::text::bigint)
ORDER BY e.seq
LIMIT $4::int;
