-- What a model call may see (spec 4.3), read as role `ai` of one user in one session: one statement
-- per kind of item, every row with its provenance: rows of a vessel say whose (owner) and of which
-- session, rows that stand on a consent say whether it stands (active). Which of them a stage may
-- ask is the retrieval contract's affair; row-level security says no on its own where the contract
-- would err. A statement called near_ finds ids by vector, candidates and no more: what stands
-- behind them is read by the statement without it, which takes `ids`.

-- name: bundle.people
-- args: user_id
SELECT "userId" = $1 AS own, name FROM "Person";

-- name: bundle.session
-- The session itself, without a word of anybody.
-- args: session_id
SELECT s.id, s.status, s."createdAt" FROM "Session" s WHERE s.id = $1;

-- name: bundle.relationship
-- args: session_id
SELECT r.id, r."createdAt"
FROM "Relationship" r JOIN "Session" s ON s."relationshipId" = r.id
WHERE s.id = $1;

-- name: bundle.progress
-- Own gates.
-- args: session_id, user_id
SELECT p.stage, p.status, p."gatesSatisfied" FROM "StageProgress" p
WHERE p."sessionId" = $1 AND p."userId" = $2 ORDER BY p.stage;

-- name: bundle.intensity
-- The newest reading as a number and a time: for the memory intent, which is decided in every stage
-- before anything is retrieved, and never for a bundle.
-- args: session_id, user_id
SELECT r.intensity, r.timestamp AS "createdAt"
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
ORDER BY r.timestamp DESC, r.id DESC
LIMIT 1;

-- name: bundle.unanswered
-- Own messages that no reply names as answered, newest first: also those that were written while
-- the facilitator spoke, and those of a stage that the contract has closed since.
-- args: session_id, user_id, limit
SELECT m.id, m.stage, m.content AS text, m.timestamp AS "createdAt"
FROM "Message" m
WHERE m."sessionId" = $1 AND m."forUserId" = $2 AND m.role = 'USER' AND m.id NOT IN (
    SELECT jsonb_array_elements_text(a.bundle -> 'answers') FROM "Message" a
    WHERE a."sessionId" = $1 AND a."forUserId" = $2 AND a.role = 'AI')
ORDER BY m.timestamp DESC, m.id DESC
LIMIT $3::int;

-- name: bundle.message_count
-- How many messages the user wrote in a stage.
-- args: session_id, user_id, stage
SELECT count(*)::int AS written FROM "Message" m
WHERE m."sessionId" = $1 AND m."forUserId" = $2 AND m.role = 'USER' AND m.stage = $3::int;

-- name: bundle.messages
-- The newest of the own thread, newest first; `stage` NULL = all stages. `bundle` names what an AI
-- reply was made from and which messages it answered.
-- args: session_id, user_id, stage, limit
SELECT m.id, m.role, m.content AS text, m.stage, m.timestamp AS "createdAt", m.bundle,
       m."forUserId" AS owner, m."sessionId" AS session
FROM "Message" m
WHERE m."sessionId" = $1 AND m."forUserId" = $2 AND ($3::int IS NULL OR m.stage = $3)
ORDER BY m.timestamp DESC, m.id DESC
LIMIT $4::int;

-- name: bundle.told
-- Own messages of stages 1 and 2 by id, oldest first: what memory extraction reads.
-- args: session_id, user_id, ids
SELECT m.id, m.role, m.content AS text, m.stage, m.timestamp AS "createdAt",
       m."forUserId" AS owner, m."sessionId" AS session
FROM "Message" m
WHERE m."sessionId" = $1 AND m."forUserId" = $2 AND m.id = ANY ($3::text[]) AND m.role = 'USER'
  AND m.stage IN (1, 2)
ORDER BY m.timestamp, m.id;

-- name: bundle.readings
-- args: session_id, user_id, limit, ids
SELECT r.id, r.intensity, r.context AS text, r.stage, r.timestamp AS "createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($4::text[] IS NULL OR r.id = ANY ($4))
ORDER BY r.timestamp DESC, r.id DESC
LIMIT $3::int;

-- name: bundle.near_readings
-- args: session_id, user_id, vector, model, limit
WITH vessel AS MATERIALIZED (
    SELECT id FROM "UserVessel" WHERE "sessionId" = $1 AND "userId" = $2
)
SELECT r.id FROM "EmotionalReading" r
WHERE r."vesselId" IN (SELECT id FROM vessel) AND r."embeddingModel" = $4
ORDER BY r.embedding <=> $3::text::vector, r.id
LIMIT $5::int;

-- name: bundle.events
-- args: session_id, user_id, limit, ids
SELECT e.id, e.description AS text, e."attributedTo", e.emotions, e.timestamp AS "createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "UserEvent" e JOIN "UserVessel" v ON v.id = e."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2 AND ($4::text[] IS NULL OR e.id = ANY ($4))
ORDER BY e.timestamp DESC, e.id DESC
LIMIT $3::int;

-- name: bundle.near_events
-- args: session_id, user_id, vector, model, limit
WITH vessel AS MATERIALIZED (
    SELECT id FROM "UserVessel" WHERE "sessionId" = $1 AND "userId" = $2
)
SELECT e.id FROM "UserEvent" e
WHERE e."vesselId" IN (SELECT id FROM vessel) AND e."embeddingModel" = $4
ORDER BY e.embedding <=> $3::text::vector, e.id
LIMIT $5::int;

-- name: bundle.boundaries
-- args: session_id, user_id, limit
SELECT b.id, b.description AS text, b."nonNegotiable", b."createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "Boundary" b JOIN "UserVessel" v ON v.id = b."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
ORDER BY b."createdAt" DESC, b.id DESC
LIMIT $3::int;

-- name: bundle.prior_themes
-- Confirmed own needs of earlier sessions of the same relationship, newest first. Which sessions
-- those are the facilitator cannot see but through hub.earlier_vessels().
-- args: session_id, user_id, limit
SELECT n.id, n.need, n.category, n.description AS text, n."createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "IdentifiedNeed" n JOIN "UserVessel" v ON v.id = n."vesselId"
WHERE v."userId" = $2 AND v."sessionId" <> $1 AND n.confirmed
  AND v.id = ANY ((SELECT hub.earlier_vessels())::text[])
ORDER BY n."createdAt" DESC, n.id DESC
LIMIT $3::int;

-- name: bundle.draft
-- args: session_id, user_id
SELECT d.id, d.content AS text, d.version, d."readyToShare", d."createdAt",
       d."userId" AS owner, d."sessionId" AS session
FROM "EmpathyDraft" d WHERE d."sessionId" = $1 AND d."userId" = $2;

-- name: bundle.needs
-- Own needs of this session, or with `earlier` of earlier ones of the relationship: the confirmed,
-- and the synthesised that wait for an answer. What the user said no to is gone for the facilitator.
-- args: session_id, user_id, limit, ids, earlier
SELECT n.id, n.need, n.category, n.description AS text, n.confirmed, n.source, n."createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "IdentifiedNeed" n JOIN "UserVessel" v ON v.id = n."vesselId"
WHERE v."userId" = $2
  AND CASE WHEN $5::boolean THEN v.id = ANY ((SELECT hub.earlier_vessels())::text[])
      ELSE v."sessionId" = $1 END
  AND (n.confirmed OR (n.source = 'SYNTHESISED' AND n."answeredAt" IS NULL))
  AND ($4::text[] IS NULL OR n.id = ANY ($4))
ORDER BY n."createdAt" DESC, n.id DESC
LIMIT $3::int;

-- name: bundle.near_needs
-- args: session_id, user_id, vector, model, limit, earlier
WITH vessel AS MATERIALIZED (
    SELECT v.id FROM "UserVessel" v
    WHERE v."userId" = $2
      AND CASE WHEN $6::boolean THEN v.id = ANY ((SELECT hub.earlier_vessels())::text[])
          ELSE v."sessionId" = $1 END
)
SELECT n.id FROM "IdentifiedNeed" n
WHERE n."vesselId" IN (SELECT id FROM vessel) AND n."embeddingModel" = $4
ORDER BY n.embedding <=> $3::text::vector, n.id
LIMIT $5::int;

-- name: bundle.clarifications
-- args: session_id, user_id, limit
SELECT c.id, c."potentialNeed", c.question AS text, c."evidenceSoFar", c.answer, c."createdAt",
       v."userId" AS owner, v."sessionId" AS session
FROM "NeedClarification" c JOIN "UserVessel" v ON v.id = c."vesselId"
WHERE v."sessionId" = $1 AND v."userId" = $2
ORDER BY c."createdAt" DESC, c.id DESC
LIMIT $3::int;

-- name: bundle.contents
-- What is consented and active, of both; `types` NULL = every content type.
-- args: session_id, user_id, types, limit, ids
SELECT c.id, c."transformedContent" AS text, c."contentType", c."consentedAt" AS "createdAt",
       c."sourceUserId" = $2 AS mine, c."originalNeedId", c."consentActive" AS active
FROM "ConsentedContent" c JOIN "SharedVessel" v ON v.id = c."sharedVesselId"
WHERE v."sessionId" = $1 AND c."consentActive"
  AND ($3::text[] IS NULL OR c."contentType"::text = ANY ($3))
  AND ($5::text[] IS NULL OR c.id = ANY ($5))
ORDER BY c."consentedAt" DESC, c.id DESC
LIMIT $4::int;

-- name: bundle.near_contents
-- args: session_id, vector, model, limit
SELECT c.id FROM "ConsentedContent" c JOIN "SharedVessel" v ON v.id = c."sharedVesselId"
WHERE v."sessionId" = $1 AND c."consentActive" AND c."embeddingModel" = $3
ORDER BY c.embedding <=> $2::text::vector, c.id
LIMIT $4::int;

-- name: bundle.standing
-- Which of these shared items still stand: a reply that was made from another one is left out.
-- args: ids
SELECT c.id FROM "ConsentedContent" c WHERE c.id = ANY ($1::text[]) AND c."consentActive"
UNION ALL
SELECT g.id FROM "CommonGround" g WHERE g.id = ANY ($1::text[]) AND NOT g.stale
UNION ALL
SELECT p.id FROM "StrategyProposal" p WHERE p.id = ANY ($1::text[]);

-- name: bundle.common_ground
-- args: session_id, limit
SELECT g.id, g.need, g.category, g.description AS text, g."createdAt",
       g."confirmedAt" IS NOT NULL AS confirmed, NOT g.stale AS active
FROM "CommonGround" g JOIN "SharedVessel" v ON v.id = g."sharedVesselId"
WHERE v."sessionId" = $1 AND NOT g.stale
ORDER BY g."createdAt", g.id
LIMIT $2::int;

-- name: bundle.strategies
-- Unlabelled, in an order that has nothing to do with who or when.
-- args: session_id, limit
SELECT p.id, p.description AS text, p."needsAddressed", p.duration, p."measureOfSuccess",
       s."createdAt"
FROM "StrategyProposal" p JOIN "Session" s ON s.id = p."sessionId"
WHERE p."sessionId" = $1
ORDER BY md5(p.id || p."sessionId")
LIMIT $2::int;

-- name: bundle.rankings
-- The own ones, and the partner's of rounds in which both have ranked; `seen` says why.
-- args: session_id, user_id, limit
SELECT r.id, r.round, r."rankedIds", r.mine, r."submittedAt" AS "createdAt",
       CASE WHEN r.mine THEN 'own' WHEN r."bothSubmitted" THEN 'both' ELSE 'one' END AS seen
FROM (SELECT r.*, r."userId" = $2 AS mine,
             count(*) OVER (PARTITION BY r.round) = 2 AS "bothSubmitted"
      FROM "StrategyRanking" r WHERE r."sessionId" = $1) r
WHERE r.mine OR r."bothSubmitted"
ORDER BY r.round, r.mine DESC
LIMIT $3::int;

-- name: bundle.agreements
-- args: session_id, limit
SELECT a.id, a.description AS text, a.type, a.status, a.duration, a."measureOfSuccess",
       a."createdAt"
FROM "Agreement" a JOIN "SharedVessel" v ON v.id = a."sharedVesselId"
WHERE v."sessionId" = $1
ORDER BY a."createdAt" DESC, a.id DESC
LIMIT $2::int;

-- name: bundle.outcomes
-- Agreements that earlier sessions of the relationship ended with.
-- args: limit
SELECT a.id, a.description AS text, a.type, a.status, a."createdAt"
FROM "Agreement" a
WHERE a.status IN ('AGREED', 'IN_PROGRESS', 'COMPLETED')
  AND a."sharedVesselId" = ANY ((SELECT hub.earlier_agreements())::text[])
ORDER BY a."createdAt" DESC, a.id DESC
LIMIT $1::int;

-- name: bundle.library_near
-- Library items nearest to a vector of the same model, by the library's index; the first `reserved`
-- in the seed's order are kept back (see bundle.library_any). Hits are candidates: what is shown is
-- read again.
-- args: vector, model, seed, reserved, limit
SELECT l.id, l.title, l.description AS text, l.category, l."createdAt", n.similarity
FROM hub.nearest_items($1::text::vector, $2, $3, $4::int, $5::int) n
JOIN "GlobalLibraryItem" l ON l.id = n.id
WHERE l."isActive"
ORDER BY n.similarity DESC, l.id;

-- name: bundle.library_any
-- Library items in the order of a seed, from a place of that order on.
-- args: seed, offset, limit
SELECT l.id, l.title, l.description AS text, l.category, l."createdAt"
FROM "GlobalLibraryItem" l
WHERE l."isActive"
ORDER BY md5(l.id || $1::text)
OFFSET coalesce($2::int, 0) LIMIT $3::int;
