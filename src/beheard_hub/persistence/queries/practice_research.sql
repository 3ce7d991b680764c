-- What researchers take along of one practice that they invited to (spec 08), read as staff or
-- administrator: no name, no prompt, no model's metadata. Ids of people leave as pseudonyms. Pages
-- as in practice_export.sql.

-- name: research.role
-- Which role the actor has now.
-- args: user_id
SELECT u.role::text AS role FROM public."User" u WHERE u.id = $1;

-- name: research.session
-- The session, if it is one of an invitation.
-- args: session_id, after_key, limit
SELECT c.id, c."userId" AS participant, s.slug AS scenario, s.version AS "scenarioVersion",
       c.status, c."startedAt", c."endedAt", c."durationSeconds", c."totalMessages",
       i.observed, i.quota, i.usage
FROM practice."ConversationSession" c
JOIN practice."Invitation" i ON i.id = c."invitationId"
JOIN practice."Scenario" s ON s.id = c."scenarioId"
WHERE c.id = hub.practice_number($1) AND $2::text IS NULL
LIMIT $3::int;

-- name: research.turn
-- All that was said, in its order.
-- args: session_id, after_key, limit
SELECT to_char(m.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || ' ' || m.id AS key,
       m.id, m.role, m.content, m.timestamp
FROM practice."Message" m
WHERE m."sessionId" = hub.practice_number($1) AND ($2::text IS NULL
  OR (m.timestamp, m.id) > ((split_part($2, ' ', 1) || 'Z')::timestamptz,
    split_part($2, ' ', 2)::int))
ORDER BY m.timestamp, m.id
LIMIT $3::int;

-- name: research.usage
-- What the calls of the session cost.
-- args: session_id, after_key, limit
SELECT g.id, g.model, g."streamType", g."inputTokens", g."outputTokens", g.timestamp
FROM practice."UsageLog" g
WHERE g."sessionId" = hub.practice_number($1) AND ($2::text IS NULL OR g.id > $2)
ORDER BY g.id
LIMIT $3::int;

-- name: research.note
-- Notes on the session, and on its invitation as a whole.
-- args: session_id, after_key, limit
SELECT n.id, n."researcherId" AS researcher, n."sessionId", n.content, n.timestamp
FROM practice."ConversationSession" c
JOIN practice."ObservationNote" n ON n."invitationId" = c."invitationId"
WHERE c.id = hub.practice_number($1) AND (n."sessionId" IS NULL OR n."sessionId" = c.id)
  AND ($2::text IS NULL OR n.id > $2)
ORDER BY n.id
LIMIT $3::int;
