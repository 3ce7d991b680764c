-- What crossed, as one of the two may see it: consents, attempts, common ground, strategies,
-- agreements. Row-level security decides what the partner's rows show; see 0007.

-- name: by_id.attempt
-- args: ids, session_id
SELECT a.id, a."sourceUserId", a.content, a."sharedAt", a."consentRecordId", a."supersededById"
FROM "EmpathyAttempt" a
WHERE a.id = ANY ($1::text[]) AND a."sessionId" = $2;

-- name: attempt.partner
-- The partner's newest attempt, while both have an active one.
-- args: session_id, user_id
SELECT a.id, a."sourceUserId", a.content, a."sharedAt", a."consentRecordId"
FROM "EmpathyAttempt" a
WHERE a."sessionId" = $1 AND a."sourceUserId" <> $2 AND a."supersededById" IS NULL
ORDER BY a."sharedAt" DESC, a.id DESC
LIMIT 1;

-- name: attempt.own
-- The own newest attempt, also when it was taken back.
-- args: session_id, user_id
SELECT a.id, a."sourceUserId", a.content, a."sharedAt", a."consentRecordId"
FROM "EmpathyAttempt" a
WHERE a."sessionId" = $1 AND a."sourceUserId" = $2
ORDER BY a."sharedAt" DESC, a.id DESC
LIMIT 1;

-- name: by_id.validation
-- Own judgements of the partner's attempts.
-- args: ids, session_id, user_id
SELECT v.id, v."attemptId", v.validated, v.feedback, v."feedbackShared", v."validatedAt"
FROM "EmpathyValidation" v
WHERE v.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: feedback.received
-- The partner's shared feedback on the own newest attempt.
-- args: session_id, user_id
SELECT p.id, p."attemptId", p.feedback, p."validatedAt" AS "sharedAt"
FROM "PartnerValidation" p
JOIN "EmpathyAttempt" a ON a.id = p."attemptId"
WHERE p."sessionId" = $1 AND a."sourceUserId" = $2 AND p."feedbackShared"
  AND a."supersededById" IS NULL
ORDER BY a."sharedAt" DESC
LIMIT 1;

-- name: by_id.common_ground
-- args: ids, session_id, user_id
SELECT g.id, g.need, g.category, g.description, g."confirmedByA", g."confirmedByB",
       g."confirmedAt", g.stale, s."createdById" = $3 AS "viewerIsA"
FROM "CommonGround" g
JOIN "SharedVessel" v ON v.id = g."sharedVesselId"
JOIN "Session" s ON s.id = v."sessionId"
WHERE g.id = ANY ($1::text[]) AND v."sessionId" = $2 AND NOT g.stale;

-- name: common_ground.list
-- What stands now.
-- args: session_id, user_id
SELECT g.id, g.need, g.category, g.description, g."confirmedByA", g."confirmedByB",
       g."confirmedAt", g.stale, s."createdById" = $2 AS "viewerIsA"
FROM "CommonGround" g
JOIN "SharedVessel" v ON v.id = g."sharedVesselId"
JOIN "Session" s ON s.id = v."sessionId"
WHERE v."sessionId" = $1 AND NOT g.stale
ORDER BY g."createdAt", g.id;

-- name: by_id.strategy
-- args: ids, session_id
SELECT p.id, p.description, p."needsAddressed", p.duration, p."measureOfSuccess"
FROM "StrategyProposal" p
WHERE p.id = ANY ($1::text[]) AND p."sessionId" = $2
ORDER BY md5(p.id || p."sessionId");

-- name: strategy.list
-- The pool as it may be seen now, in an order that has nothing to do with who or when.
-- args: session_id
SELECT p.id, p.description, p."needsAddressed", p.duration, p."measureOfSuccess", p.round
FROM "StrategyProposal" p
WHERE p."sessionId" = $1
ORDER BY md5(p.id || p."sessionId");

-- name: ranking.list
-- Own rankings, and the partner's of rounds in which both have ranked.
-- args: session_id
SELECT r."userId", r.round, r."rankedIds", r."submittedAt"
FROM "StrategyRanking" r
WHERE r."sessionId" = $1
ORDER BY r.round, r."userId";

-- name: by_id.agreement
-- args: ids, session_id, user_id
SELECT a.id, a.description, a.type, a.duration, a."measureOfSuccess", a.status, a."agreedByA",
       a."agreedByB", a."agreedAt", a."followUpDate", a."staleInput",
       s."createdById" = $3 AS "viewerIsA"
FROM "Agreement" a
JOIN "SharedVessel" v ON v.id = a."sharedVesselId"
JOIN "Session" s ON s.id = v."sessionId"
WHERE a.id = ANY ($1::text[]) AND v."sessionId" = $2;

-- name: agreement.list
-- args: session_id, user_id
SELECT a.id, a.description, a.type, a.duration, a."measureOfSuccess", a.status, a."agreedByA",
       a."agreedByB", a."agreedAt", a."followUpDate", a."staleInput",
       s."createdById" = $2 AS "viewerIsA"
FROM "Agreement" a
JOIN "SharedVessel" v ON v.id = a."sharedVesselId"
JOIN "Session" s ON s.id = v."sessionId"
WHERE v."sessionId" = $1
ORDER BY a."createdAt", a.id;

-- name: by_id.consent_request
-- args: ids, session_id, user_id
SELECT c.id, c."contentType", c."contentDescription", c."transformedPreview", c."targetId",
       c.metadata
FROM "ConsentRecord" c
WHERE c.id = ANY ($1::text[]) AND c."sessionId" = $2 AND c."userId" = $3;

-- name: consent.pending
-- Own requests that wait for a decision, oldest first.
-- args: session_id, user_id
SELECT c.id, c."contentType", c."contentDescription", c."transformedPreview", c."targetId",
       c.metadata
FROM "ConsentRecord" c
WHERE c."sessionId" = $1 AND c."userId" = $2 AND c.decision IS NULL
ORDER BY c."createdAt", c.id;

-- name: by_id.consent_record
-- args: ids, session_id, user_id
SELECT c.id, c."contentType", c.decision, c."decidedAt", c."revokedAt", c."contentDescription",
       c."targetId", c.metadata
FROM "ConsentRecord" c
WHERE c.id = ANY ($1::text[]) AND c."sessionId" = $2 AND c."userId" = $3;

-- name: consent.history
-- Own decisions, newest first.
-- args: session_id, user_id, before_at, before_id, limit
SELECT c.id, c."contentType", c.decision, c."decidedAt", c."revokedAt", c."contentDescription",
       c."targetId", c.metadata
FROM "ConsentRecord" c
WHERE c."sessionId" = $1 AND c."userId" = $2 AND c.decision IS NOT NULL
  AND ($3::timestamptz IS NULL OR (c."decidedAt", c.id) < ($3, $4::text))
ORDER BY c."decidedAt" DESC, c.id DESC
LIMIT $5::int;

-- name: by_id.consented_content
-- args: ids, session_id
SELECT c.id, c."sourceUserId", c."transformedContent", c."consentedAt", c."consentActive"
FROM "ConsentedContent" c
JOIN "SharedVessel" v ON v.id = c."sharedVesselId"
WHERE c.id = ANY ($1::text[]) AND v."sessionId" = $2;

-- name: shared.list
-- What I shared (also what I took back) and what is shared with me, oldest first.
-- args: session_id, user_id
SELECT c.id, c."sourceUserId", c."transformedContent", c."consentedAt", c."consentActive",
       c."contentType", c."sourceUserId" = $2 AS mine
FROM "ConsentedContent" c
JOIN "SharedVessel" v ON v.id = c."sharedVesselId"
WHERE v."sessionId" = $1
ORDER BY c."consentedAt", c.id;
