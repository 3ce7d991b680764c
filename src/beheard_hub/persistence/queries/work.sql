-- Texts that work outside the turn needs (docs/architecture.md, "Work kinds"), read as role `ai` of
-- the user who asked, in the session.

-- name: work.draft
-- args: ids, session_id, user_id
SELECT d.id, d.content FROM "EmpathyDraft" d
WHERE d.id = ANY ($1::text[]) AND d."sessionId" = $2 AND d."userId" = $3;

-- name: work.needs
-- Confirmed own needs: literally what the user confirmed.
-- args: ids, session_id, user_id
SELECT n.id, n.need, n.category, n.description
FROM "IdentifiedNeed" n JOIN "UserVessel" v ON v.id = n."vesselId"
WHERE n.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3 AND n.confirmed
ORDER BY n."createdAt", n.id;

-- name: work.event
-- args: ids, session_id, user_id
SELECT e.id, e.description AS text, e."attributedTo", e.emotions
FROM "UserEvent" e JOIN "UserVessel" v ON v.id = e."vesselId"
WHERE e.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: work.boundary
-- args: ids, session_id, user_id
SELECT b.id, b.description AS text, b."nonNegotiable"
FROM "Boundary" b JOIN "UserVessel" v ON v.id = b."vesselId"
WHERE b.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: work.reading_pattern
-- The readings up to and with one of them, newest first: what an emotional pattern covers.
-- args: id, session_id, user_id, limit
SELECT r.id, r.intensity, r.context AS text, r.stage, r.timestamp
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE v."sessionId" = $2 AND v."userId" = $3 AND (r.timestamp, r.id) <=
      (SELECT o.timestamp, o.id FROM "EmotionalReading" o WHERE o.id = $1)
ORDER BY r.timestamp DESC, r.id DESC
LIMIT $4::int;

-- name: work.consent
-- The preview that a decision is about; of a need its category, too.
-- args: ids, session_id, user_id
SELECT c.id, c."contentType", c."transformedPreview" AS text, c."targetId",
       n.category
FROM "ConsentRecord" c LEFT JOIN "IdentifiedNeed" n ON n.id = c."targetId"
WHERE c.id = ANY ($1::text[]) AND c."sessionId" = $2 AND c."userId" = $3;

-- name: work.shared_needs
-- Active consented needs of both, as they crossed: all that common-ground analysis may see.
-- args: session_id, user_id
SELECT c.id, c."transformedContent" AS text, c."sourceUserId" = $2 AS mine, c."originalNeedId",
       c.category
FROM "ConsentedContent" c
JOIN "SharedVessel" v ON v.id = c."sharedVesselId"
WHERE v."sessionId" = $1 AND c."consentActive" AND c."contentType" = 'IDENTIFIED_NEED'
ORDER BY c."consentedAt", c.id;

-- name: work.own_words
-- Own messages of stages 1 and 2, oldest first: the material of need synthesis.
-- args: session_id, user_id, limit
SELECT m.id, m.content AS text, m.stage, m.timestamp AS "createdAt"
FROM (SELECT * FROM "Message"
      WHERE "sessionId" = $1 AND "forUserId" = $2 AND role = 'USER' AND stage IN (1, 2)
      ORDER BY timestamp DESC, id DESC
      LIMIT $3::int) m
ORDER BY m.timestamp, m.id;
