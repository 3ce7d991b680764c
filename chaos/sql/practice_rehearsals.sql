-- These practices, with the account that they stand on.
SELECT s.id::text AS "sessionId", s."userId", s.status::text AS status,
  i."linkedUserId" AS invited, (coalesce(i.usage, s.usage) ->> 'totalTokens')::int AS used
FROM practice."ConversationSession" s LEFT JOIN practice."Invitation" i ON i.id = s."invitationId"
WHERE s.id = ANY($1::text[]::int[]) ORDER BY s.id
