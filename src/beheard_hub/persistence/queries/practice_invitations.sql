-- Invitations (spec 08), read as staff or administrator, or by who holds a token.

-- name: practice.invitation
-- What a token stands for, by its hash: asked before anybody in particular is known.
-- args: token
SELECT i.id, i."scenarioId", i.observed, i.quota, i."expiresAt", i."linkedUserId", i."sessionId",
       i.status, i.scenario
FROM hub.practice_invitation($1) i;

-- name: practice.invitation_held
-- Whether it is the actor's to take back, and who is in its session.
-- args: invitation_id
SELECT i."revokedAt", c.id AS "sessionId", c."userId" AS "participantId"
FROM practice."Invitation" i
LEFT JOIN practice."ConversationSession" c ON c."invitationId" = i.id
WHERE i.id = $1;

-- name: practice_invitation.list
-- Those of one maker, or all, the newest first.
-- args: made_by, before_at, before_id, limit
SELECT i.id, i.label, hub.invitation_status(i."revokedAt", i."expiresAt", i."claimedAt") AS status,
       i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt", i."revokedAt", i."claimedAt",
       i."createdById", i."createdAt", c.id AS "sessionId"
FROM practice."Invitation" i
LEFT JOIN practice."ConversationSession" c ON c."invitationId" = i.id
WHERE ($1::text IS NULL OR i."createdById" = $1)
  AND ($2::timestamptz IS NULL OR (i."createdAt", i.id) < ($2, $3::text))
ORDER BY i."createdAt" DESC, i.id DESC
LIMIT $4::int;

-- name: by_id.practice_invitation
-- args: ids
SELECT i.id, i.label, hub.invitation_status(i."revokedAt", i."expiresAt", i."claimedAt") AS status,
       i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt", i."revokedAt", i."claimedAt",
       i."createdById", i."createdAt"
FROM practice."Invitation" i
WHERE i.id = ANY ($1::text[]);

-- name: practice_invitation.one
-- args: invitation_id
SELECT i.id, i.label, hub.invitation_status(i."revokedAt", i."expiresAt", i."claimedAt") AS status,
       i."scenarioId", i.observed, i.quota, i.usage, i."expiresAt", i."revokedAt", i."claimedAt",
       i."createdById", i."createdAt", c.id AS "sessionId"
FROM practice."Invitation" i
LEFT JOIN practice."ConversationSession" c ON c."invitationId" = i.id
WHERE i.id = $1;

-- name: practice_invitation.sessions
-- args: invitation_id
SELECT c.id::text AS id, c."scenarioId", c."invitationId", c.status::text AS status, c."startedAt",
       c."endedAt", c."durationSeconds", c."totalMessages", i.observed
FROM practice."ConversationSession" c JOIN practice."Invitation" i ON i.id = c."invitationId"
WHERE c."invitationId" = $1;

-- name: practice_invitation.notes
-- The newest ones.
-- args: invitation_id, limit
SELECT n.id, n."invitationId", n."sessionId", n."researcherId", n.content, n.timestamp
FROM practice."ObservationNote" n
WHERE n."invitationId" = $1
ORDER BY n.timestamp DESC, n.id DESC
LIMIT $2::int;

-- name: practice_invitation.usage
-- What each lane has used of it, by model.
-- args: invitation_id
SELECT u."streamType"::text AS "streamType", u.model, count(*)::int AS calls,
       sum(u."inputTokens")::int AS "inputTokens", sum(u."outputTokens")::int AS "outputTokens"
FROM practice."UsageLog" u
WHERE u."invitationId" = $1
GROUP BY u."streamType", u.model
ORDER BY u."streamType", u.model;
