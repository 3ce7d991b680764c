-- What the facilitator said to one user of a session, and which messages each answer answers.
SELECT m.id, m.content, m.stage, m."promptVersion",
       ARRAY(SELECT jsonb_array_elements_text(m.bundle -> 'answers')) AS answers
FROM "Message" m
WHERE m."sessionId" = $1 AND m."forUserId" = $2 AND m.role = 'AI'
ORDER BY m."timestamp", m.id
