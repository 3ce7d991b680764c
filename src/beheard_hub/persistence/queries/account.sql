-- The own account: profile and inbox. Every statement names the user, although row-level security
-- would do: each wall holds alone.

-- name: user.own
-- The profile, as its owner sees it.
-- args: user_id
SELECT u.id, u.name, u."avatarUrl", u.role, u."createdAt", u.email,
       u."pushToken" IS NOT NULL AS "pushNotificationsEnabled",
       (SELECT count(*)::int FROM hub.open_sessions()) AS "activeSessions"
FROM "User" u WHERE u.id = $1;

-- name: by_id.user
-- The same where an answer names it; nobody else's is ever shown.
-- args: ids, user_id
SELECT u.id, u.name, u."avatarUrl", u.role, u."createdAt", u.email,
       u."pushToken" IS NOT NULL AS "pushNotificationsEnabled",
       (SELECT count(*)::int FROM hub.open_sessions()) AS "activeSessions"
FROM "User" u WHERE u.id = ANY ($1::text[]) AND u.id = $2;

-- name: notifications.unread
-- Inbox, newest first.
-- args: user_id, before_at, before_id, limit
SELECT n.id, n."sessionId", n.type, n."createdAt", n."readAt"
FROM hub."Notification" n
WHERE n."userId" = $1 AND n."readAt" IS NULL
  AND ($2::timestamptz IS NULL OR (n."createdAt", n.id) < ($2, $3::text))
ORDER BY n."createdAt" DESC, n.id DESC
LIMIT $4::int;

-- name: notifications.count
-- How many wait to be read.
-- args: user_id
SELECT count(*)::int AS count
FROM hub."Notification" n
WHERE n."userId" = $1 AND n."readAt" IS NULL;

-- name: notifications.find
-- Which of these (NULL = all) are there and unread, oldest first.
-- args: user_id, ids, limit
SELECT n.id
FROM hub."Notification" n
WHERE n."userId" = $1 AND n."readAt" IS NULL AND ($2::text[] IS NULL OR n.id = ANY ($2))
ORDER BY n."createdAt", n.id
LIMIT $3::int;
