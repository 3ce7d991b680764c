-- What calls of these practices have cost.
SELECT u."sessionId"::text AS "sessionId", u."userId", u."streamType"::text AS lane,
  u."inputTokens" + u."outputTokens" AS tokens
FROM practice."UsageLog" u WHERE u."sessionId" = ANY($1::text[]::int[]) ORDER BY u.timestamp, u.id
