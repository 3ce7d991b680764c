-- What a lane of a practice (spec 08) may know, read as `partner` or `coach`.

-- name: practice.prompt
-- The lane's own system prompt and model, of the session that it is in; as `partner` or `coach`.
SELECT p.prompt, p.model FROM hub.practice_prompt() p;

-- name: practice.transcript
-- The newest messages of the session that a lane is in, newest first: for the partner without the
-- coach's, which the walls keep from it.
-- args: session_id, limit
SELECT m.id, m.role, m.content, m.timestamp
FROM practice."Message" m
WHERE m."sessionId" = hub.practice_number($1::text)
ORDER BY m.timestamp DESC, m.id DESC
LIMIT $2::int;
