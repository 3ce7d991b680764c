-- What belongs to one user in one session: the private thread and the user vessel.
-- Every statement names owner and session, although row-level security would do: each wall holds
-- alone. `by_id.*` take several ids at once; lists are pages by keyset, newest first: before_at and
-- before_id are the last row of the page before (NULL = from the top).

-- name: by_id.message
-- Messages of the own thread, with the reading that came in the same commit.
-- args: ids, session_id, user_id
SELECT m.id, m."sessionId", m."senderId", m.role, m.content, m.stage, m.timestamp,
       r.id AS "emotionalReading.id", r.intensity AS "emotionalReading.intensity",
       r.context AS "emotionalReading.context", r.stage AS "emotionalReading.stage",
       r.timestamp AS "emotionalReading.timestamp"
FROM "Message" m
LEFT JOIN "UserVessel" v ON v."userId" = m."forUserId" AND v."sessionId" = m."sessionId"
LEFT JOIN "EmotionalReading" r
       ON r."vesselId" = v.id AND r.timestamp = m.timestamp AND m.role = 'USER'
WHERE m.id = ANY ($1::text[]) AND m."sessionId" = $2 AND m."forUserId" = $3;

-- name: message.list
-- The own thread, newest first; `stage` NULL = all stages.
-- args: session_id, user_id, stage, before_at, before_id, limit
SELECT m.id, m."sessionId", m."senderId", m.role, m.content, m.stage, m.timestamp,
       r.id AS "emotionalReading.id", r.intensity AS "emotionalReading.intensity",
       r.context AS "emotionalReading.context", r.stage AS "emotionalReading.stage",
       r.timestamp AS "emotionalReading.timestamp"
FROM (SELECT * FROM "Message"
      WHERE "sessionId" = $1 AND "forUserId" = $2
        AND ($3::int IS NULL OR stage = $3)
        AND ($4::timestamptz IS NULL OR (timestamp, id) < ($4, $5::text))
      ORDER BY timestamp DESC, id DESC
      LIMIT $6::int) m
LEFT JOIN "UserVessel" v ON v."userId" = m."forUserId" AND v."sessionId" = m."sessionId"
LEFT JOIN "EmotionalReading" r
       ON r."vesselId" = v.id AND r.timestamp = m.timestamp AND m.role = 'USER'
ORDER BY m.timestamp DESC, m.id DESC;

-- name: by_id.reading
-- args: ids, session_id, user_id
SELECT r.id, r.intensity, r.context, r.stage, r.timestamp
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE r.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: reading.list
-- Own readings, newest first.
-- args: session_id, user_id, before_at, before_id, limit
SELECT r.id, r.intensity, r.context, r.stage, r.timestamp
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
  AND ($3::timestamptz IS NULL OR (r.timestamp, r.id) < ($3, $4::text))
ORDER BY r.timestamp DESC, r.id DESC
LIMIT $5::int;

-- name: reading.summary
-- First and newest intensity and the average, over all own readings of the session.
-- args: session_id, user_id
SELECT count(*)::int AS count, avg(r.intensity)::float8 AS average,
       (array_agg(r.intensity ORDER BY r.timestamp, r.id))[1] AS first,
       (array_agg(r.intensity ORDER BY r.timestamp DESC, r.id DESC))[1] AS newest
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2;

-- name: by_id.event
-- args: ids, session_id, user_id
SELECT e.id, e.description, e."attributedTo", e.emotions, e.timestamp
FROM "UserEvent" e JOIN "UserVessel" v ON v.id = e."vesselId"
WHERE e.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: event.list
-- args: session_id, user_id, before_at, before_id, limit
SELECT e.id, e.description, e."attributedTo", e.emotions, e.timestamp
FROM "UserEvent" e JOIN "UserVessel" v ON v.id = e."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
  AND ($3::timestamptz IS NULL OR (e.timestamp, e.id) < ($3, $4::text))
ORDER BY e.timestamp DESC, e.id DESC
LIMIT $5::int;

-- name: by_id.boundary
-- args: ids, session_id, user_id
SELECT b.id, b.description, b."nonNegotiable", b."createdAt"
FROM "Boundary" b JOIN "UserVessel" v ON v.id = b."vesselId"
WHERE b.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: boundary.list
-- args: session_id, user_id, before_at, before_id, limit
SELECT b.id, b.description, b."nonNegotiable", b."createdAt"
FROM "Boundary" b JOIN "UserVessel" v ON v.id = b."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
  AND ($3::timestamptz IS NULL OR (b."createdAt", b.id) < ($3, $4::text))
ORDER BY b."createdAt" DESC, b.id DESC
LIMIT $5::int;

-- name: by_id.document
-- args: ids, session_id, user_id
SELECT d.id, d.title, d.content, d.type, d."createdAt"
FROM "UserDocument" d JOIN "UserVessel" v ON v.id = d."vesselId"
WHERE d.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: document.list
-- args: session_id, user_id, before_at, before_id, limit
SELECT d.id, d.title, d.content, d.type, d."createdAt"
FROM "UserDocument" d JOIN "UserVessel" v ON v.id = d."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
  AND ($3::timestamptz IS NULL OR (d."createdAt", d.id) < ($3, $4::text))
ORDER BY d."createdAt" DESC, d.id DESC
LIMIT $5::int;

-- name: by_id.draft
-- args: ids, session_id, user_id
SELECT d.id, d.content, d.version, d."readyToShare", d."updatedAt"
FROM "EmpathyDraft" d
WHERE d.id = ANY ($1::text[]) AND d."sessionId" = $2 AND d."userId" = $3;

-- name: draft.own
-- The one draft of a user in a session.
-- args: session_id, user_id
SELECT d.id, d.content, d.version, d."readyToShare", d."updatedAt"
FROM "EmpathyDraft" d
WHERE d."sessionId" = $1 AND d."userId" = $2;

-- name: by_id.need
-- args: ids, session_id, user_id
SELECT n.id, n.need, n.category, n.description, n.evidence, n.confirmed, n."aiConfidence",
       n."answeredAt", n.source
FROM "IdentifiedNeed" n JOIN "UserVessel" v ON v.id = n."vesselId"
WHERE n.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: need.list
-- Own needs in the order in which they were found.
-- args: session_id, user_id
SELECT n.id, n.need, n.category, n.description, n.evidence, n.confirmed, n."aiConfidence",
       n."answeredAt", n.source
FROM "IdentifiedNeed" n JOIN "UserVessel" v ON v.id = n."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
ORDER BY n."createdAt", n.id;

-- name: by_id.clarification
-- args: ids, session_id, user_id
SELECT c.id, c."potentialNeed", c.question, c."evidenceSoFar", c.answer, c."answeredAt"
FROM "NeedClarification" c JOIN "UserVessel" v ON v.id = c."vesselId"
WHERE c.id = ANY ($1::text[]) AND v."sessionId" = $2 AND v."userId" = $3;

-- name: clarification.list
-- What was doubtful in synthesis, unanswered ones first.
-- args: session_id, user_id
SELECT c.id, c."potentialNeed", c.question, c."evidenceSoFar", c.answer, c."answeredAt"
FROM "NeedClarification" c JOIN "UserVessel" v ON v.id = c."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
ORDER BY c."answeredAt" IS NOT NULL, c."createdAt", c.id;

-- name: progress.own
-- Own stage rows in full.
-- args: session_id, user_id
SELECT p.stage, p.status, p."startedAt", p."completedAt", p."gatesSatisfied", p."gatesAt",
       p."isSynthesisDirty", p."synthesisLastUpdated"
FROM "StageProgress" p
WHERE p."sessionId" = $1 AND p."userId" = $2
ORDER BY p.stage;

-- name: recall.vessel
-- The nearest own moments to a vector, among the kinds that the stage allows; vectors of another
-- model are not compared. The vessel is filtered first and scanned whole, so nothing near is missed.
-- What has no vector of this model (yet) is found by its words, and stands behind what is near.
-- args: session_id, user_id, kinds, vector, model, limit, query
WITH vessel AS MATERIALIZED (
    SELECT id FROM "UserVessel" WHERE "sessionId" = $1 AND "userId" = $2
), asked AS MATERIALIZED (
    SELECT $4::text::vector AS vector
), moments AS (
    SELECT e.id, 'user_event' AS type, e.description AS text, NULL::int AS stage, e.timestamp,
           CASE e."embeddingModel" WHEN $5
               THEN hub.distance(e."embeddingShort", e.embedding, a.vector) END AS distance
    FROM "UserEvent" e, asked a
    WHERE 'user_event' = ANY ($3::text[]) AND e."vesselId" IN (SELECT id FROM vessel)
    UNION ALL
    SELECT r.id, 'emotional_reading', r.context, r.stage, r.timestamp,
           CASE r."embeddingModel" WHEN $5
               THEN hub.distance(r."embeddingShort", r.embedding, a.vector) END
    FROM "EmotionalReading" r, asked a
    WHERE 'emotional_reading' = ANY ($3::text[]) AND r."vesselId" IN (SELECT id FROM vessel)
    UNION ALL
    SELECT n.id, 'need', n.description, 3, n."createdAt",
           CASE n."embeddingModel" WHEN $5
               THEN hub.distance(n."embeddingShort", n.embedding, a.vector) END
    FROM "IdentifiedNeed" n, asked a
    WHERE 'need' = ANY ($3::text[]) AND n."vesselId" IN (SELECT id FROM vessel)
)
SELECT id, type, text, stage, timestamp, coalesce(1 - distance, 0) AS similarity
FROM (SELECT * FROM moments OFFSET 0) m -- each distance once
WHERE distance IS NOT NULL
   OR to_tsvector('simple', text) @@ plainto_tsquery('simple', $7::text)
ORDER BY distance NULLS LAST, timestamp DESC, id
LIMIT $6::int;
