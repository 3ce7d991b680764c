-- What a user takes along of practices (spec 4.5, 08), as in export.sql. A row that has a number is
-- paged by it: "key" is the number as text.

-- name: export.practice.ConversationSession
-- args: user_id, after_key, limit
SELECT c.id::text AS key, c.id, c."userId", c."invitationId", c."scenarioId", c.status,
       c."startedAt", c."endedAt", c."totalMessages", c."durationSeconds", c.quota, c.usage
FROM practice."ConversationSession" c
WHERE c."userId" = $1 AND ($2::text IS NULL OR c.id > $2::text::int)
ORDER BY c.id
LIMIT $3::int;

-- name: export.practice.Message
-- args: user_id, after_key, limit
SELECT m.id::text AS key, m.id, m."sessionId", m.role, m.content, m.timestamp, m."audioUrl"
FROM practice."Message" m
WHERE m."sessionId" IN (SELECT c.id FROM practice."ConversationSession" c WHERE c."userId" = $1)
  AND ($2::text IS NULL OR m.id > $2::text::int)
ORDER BY m.id
LIMIT $3::int;

-- name: export.practice.Invitation
-- Those that the user made, and the one that brought the user here, without its inviter's words.
-- args: user_id, after_key, limit
SELECT t.id, t.observed, t."revokedAt", t.label, t."scenarioId", t.quota, t.usage, t."expiresAt",
       t."claimedAt", t."linkedUserId", t."createdById", t."createdAt"
FROM (
    SELECT i.id, i.observed, i."revokedAt", i.label, i."scenarioId", i.quota, i.usage,
           i."expiresAt", i."claimedAt", i."linkedUserId", i."createdById", i."createdAt"
    FROM practice."Invitation" i WHERE i."createdById" = $1
    UNION ALL
    SELECT h.id, h.observed, h."revokedAt", NULL, h."scenarioId", h.quota, h.usage,
           h."expiresAt", h."claimedAt", $1, NULL, h."createdAt"
    FROM practice."InvitationHeld" h
    WHERE NOT EXISTS (SELECT FROM practice."Invitation" i
        WHERE i.id = h.id AND i."createdById" = $1)
) t
WHERE $2::text IS NULL OR t.id > $2
ORDER BY t.id
LIMIT $3::int;

-- name: export.practice.UsageLog
-- args: user_id, after_key, limit
SELECT t.id, t."userId", t."invitationId", t."sessionId", t.model, t."streamType",
       t."inputTokens", t."outputTokens", t.timestamp
FROM practice."UsageLog" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.practice.ObservationNote
-- What the user noted as a researcher.
-- args: user_id, after_key, limit
SELECT t.id, t."invitationId", t."sessionId", t."researcherId", t.content, t.timestamp
FROM practice."ObservationNote" t
WHERE t."researcherId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;

-- name: export.practice.TelemetryEvent
-- args: user_id, after_key, limit
SELECT t.id, t.name, t.properties, t."userId", t."sessionId", t."createdAt"
FROM practice."TelemetryEvent" t
WHERE t."userId" = $1 AND ($2::text IS NULL OR t.id > $2)
ORDER BY t.id
LIMIT $3::int;
