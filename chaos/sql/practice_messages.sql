-- All that was said in these practices, in its order.
SELECT m.id::text AS id, m."sessionId"::text AS "sessionId", m.role::text AS role, m.content,
  m.metadata ->> 'clientId' AS "commandId", m.metadata ->> 'answers' AS answers
FROM practice."Message" m
WHERE m."sessionId" = ANY($1::text[]::int[]) ORDER BY m."sessionId", m.timestamp, m.id
