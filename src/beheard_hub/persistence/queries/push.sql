-- What a push needs to know (spec 07), read as the user it is for.

-- name: push.notification
-- args: user_id, id
SELECT n.id, n."sessionId", n.type, n."createdAt", n."readAt", n."deliveredVia",
       u."pushToken", u."pushPlatform"
FROM hub."Notification" n
JOIN "User" u ON u.id = n."userId"
WHERE n."userId" = $1 AND n.id = $2;

-- name: push.others
-- When the last push of the session went to the user, if after a time, and whether a newer one
-- than a reminder's waits.
-- args: user_id, session_id, since, reminder_id
SELECT
  (SELECT max(r."firedAt") FROM hub."Reminder" r
   JOIN hub."Notification" n ON n.id = r.payload ->> 'notificationId'
   WHERE r."userId" = $1 AND r."sessionId" = $2 AND r.kind = 'push'
     AND r."firedAt" > $3::timestamptz AND n."deliveredVia" = 'push') AS "lastAt",
  EXISTS (SELECT FROM hub."Reminder" r
   WHERE r."userId" = $1 AND r."sessionId" = $2 AND r.kind = 'push'
     AND r."firedAt" IS NULL AND r.id > $4) AS newer;

-- name: push.token
-- args: user_id
SELECT u."pushToken" FROM "User" u WHERE u.id = $1;
