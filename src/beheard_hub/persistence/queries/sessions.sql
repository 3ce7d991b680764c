-- Sessions, invitations and the logs of one user.

-- name: session.list
-- Ids of own sessions, newest first: an order that nothing the partner does can move.
-- args: user_id, status, before_at, before_id, limit
SELECT s.id, s."createdAt", s.status
FROM "UserVessel" v JOIN "Session" s ON s.id = v."sessionId"
WHERE v."userId" = $1
  AND ($2::text IS NULL OR s.status = $2::text::"SessionStatus")
  AND ($3::timestamptz IS NULL OR (s."createdAt", s.id) < ($3, $4::text))
ORDER BY s."createdAt" DESC, s.id DESC
LIMIT $5::int;

-- name: by_id.session_detail
-- What SessionDetail has beyond the summary; sessionCount counts the caller's own.
-- args: ids
SELECT s.id, s."resolvedAt", s.outcome, s."relationshipId" AS "relationship.id",
       r."createdAt" AS "relationship.createdAt",
       (SELECT count(*)::int FROM "Session" o WHERE o."relationshipId" = s."relationshipId")
           AS "relationship.sessionCount"
FROM "Session" s LEFT JOIN "Relationship" r ON r.id = s."relationshipId"
WHERE s.id = ANY ($1::text[]);

-- name: by_id.invitation
-- For the two of a session; the inviter's name is read beside it. Addresses are not among it.
-- args: ids
SELECT i.id, i."sessionId", i."invitedById" AS "invitedBy.id", p.name AS "invitedBy.name",
       i.status, i."createdAt", i."expiresAt"
FROM "InvitationSeen" i LEFT JOIN "Person" p ON p."userId" = i."invitedById"
WHERE i.id = ANY ($1::text[]);

-- name: people
-- Names and avatars that the caller may know: the own ones and the partners'.
SELECT "userId", name, "avatarUrl" FROM "Person";

-- name: receipt
-- The receipt of an earlier command.
-- args: session_id, user_id, command_id
SELECT r.name, r.digest, r.reply
FROM hub."CommandReceipt" r
WHERE r."sessionId" = $1 AND r."userId" = $2 AND r."commandId" = $3;

-- name: events.after
-- The log beyond a seq, in order.
-- args: session_id, user_id, after, limit
SELECT e.seq, e.name, e.data, e.at
FROM hub."SessionEvent" e
WHERE e."sessionId" = $1 AND e."userId" = $2 AND e.seq > $3
ORDER BY e.seq
LIMIT $4::int;

-- name: events.newest
-- args: session_id, user_id
SELECT coalesce(max(e.seq), 0)
FROM hub."SessionEvent" e
WHERE e."sessionId" = $1 AND e."userId" = $2;
