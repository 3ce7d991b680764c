-- What a practice shows of itself (spec 08). Who reads as staff or administrator says so with the
-- actor's role; every statement names what it is about besides. Pages by keyset as in own.sql: the
-- number of a row stands as text where others have theirs.

-- name: by_id.practice_session
-- args: ids
SELECT c.id::text AS id, c."scenarioId", c."invitationId", c.status::text AS status, c."startedAt",
       c."endedAt", c."durationSeconds", c."totalMessages",
       coalesce(h.observed, i.observed, false) AS observed
FROM practice."ConversationSession" c
LEFT JOIN practice."InvitationHeld" h ON h.id = c."invitationId"
LEFT JOIN practice."Invitation" i ON i.id = c."invitationId"
WHERE c.id = ANY ($1::text[]::int[]);

-- name: by_id.practice_message
-- args: ids, session_id
SELECT m.id::text AS id, m."sessionId", m.role::text AS role, m.content, m.timestamp, m."audioUrl",
       m.metadata
FROM practice."Message" m
WHERE m.id = ANY ($1::text[]::int[]) AND m."sessionId" = hub.practice_number($2);

-- name: by_id.practice_note
-- args: ids
SELECT n.id, n."invitationId", n."sessionId", n."researcherId", n.content, n.timestamp
FROM practice."ObservationNote" n WHERE n.id = ANY ($1::text[]);

-- name: practice.list
-- One's own practices, the newest first.
-- args: user_id, before_at, before_id, limit
SELECT c.id::text AS id, c."scenarioId", c."invitationId", c.status::text AS status, c."startedAt",
       c."endedAt", c."durationSeconds", c."totalMessages", coalesce(h.observed, false) AS observed
FROM practice."ConversationSession" c
LEFT JOIN practice."InvitationHeld" h ON h.id = c."invitationId"
WHERE c."userId" = $1 AND ($2::timestamptz IS NULL
  OR (c."startedAt", c.id) < ($2, hub.practice_number($3)))
ORDER BY c."startedAt" DESC, c.id DESC
LIMIT $4::int;

-- name: practice.scenarios
-- Scenarios that a session may begin with, the newest first.
-- args: before_at, before_id, limit
SELECT s.id, s.name, s.description, s.slug, s."partnerPersona", s."createdAt"
FROM practice."Scenario" s
WHERE s."isActive" AND ($1::timestamptz IS NULL
  OR (s."createdAt", s.id) < ($1, hub.practice_number($2)))
ORDER BY s."createdAt" DESC, s.id DESC
LIMIT $3::int;

-- name: practice.scenario
-- One of them.
-- args: slug
SELECT s.id, s.name, s.description, s.slug, s."partnerPersona"
FROM practice."Scenario" s
WHERE s."isActive" AND s.slug = $1;

-- name: practice.messages
-- All that was said in one session, the newest first.
-- args: session_id, before_at, before_id, limit
SELECT m.id::text AS id, m."sessionId", m.role::text AS role, m.content, m.timestamp, m."audioUrl",
       m.metadata
FROM practice."Message" m
WHERE m."sessionId" = hub.practice_number($1) AND ($2::timestamptz IS NULL
  OR (m.timestamp, m.id) < ($2, hub.practice_number($3)))
ORDER BY m.timestamp DESC, m.id DESC
LIMIT $4::int;

-- name: practice.observe
-- The newest of the first `total` messages of one session, the newest first.
-- args: session_id, total, limit
SELECT m.id::text AS id, m."sessionId", m.role::text AS role, m.content, m.timestamp, m."audioUrl",
       m.metadata
FROM practice."Message" m
WHERE m."sessionId" = hub.practice_number($1)
ORDER BY m.timestamp DESC, m.id DESC
OFFSET greatest(0, (SELECT count(*) FROM practice."Message" s
  WHERE s."sessionId" = hub.practice_number($1)) - $2::int)
LIMIT $3::int;

-- name: note.list
-- Notes on one invitation, by all who may see it, the newest first.
-- args: invitation_id, before_at, before_id, limit
SELECT n.id, n."invitationId", n."sessionId", n."researcherId", n.content, n.timestamp
FROM practice."ObservationNote" n
WHERE n."invitationId" = $1 AND ($2::timestamptz IS NULL OR (n.timestamp, n.id) < ($2, $3::text))
ORDER BY n.timestamp DESC, n.id DESC
LIMIT $4::int;

-- name: practice.opening
-- Whether there is such an active scenario, and the quota of the preset that is named, or of the
-- default one.
-- args: scenario_id, preset_name
SELECT EXISTS (SELECT FROM practice."Scenario" s WHERE s.id = $1::int AND s."isActive") AS scenario,
       (SELECT jsonb_build_object('tokens', p.quota -> 'tokens', 'label', p.label)
        FROM practice."QuotaPreset" p
        WHERE CASE WHEN $2::text IS NULL THEN p."isDefault" ELSE p.name = $2 END) AS quota;

-- name: practice.note_place
-- Whether the actor sees an invitation, and a session is one of it, where one is named.
-- args: invitation_id, about
SELECT EXISTS (SELECT FROM practice."Invitation" i WHERE i.id = $1 AND ($2::text IS NULL
  OR EXISTS (SELECT FROM practice."ConversationSession" c
    WHERE c.id = hub.practice_number($2) AND c."invitationId" = i.id))) AS found;

-- name: practice.note
-- Whose note it is.
-- args: id
SELECT n."researcherId" FROM practice."ObservationNote" n WHERE n.id = $1;
