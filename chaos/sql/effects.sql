-- Rows that commands of these sessions caused, marked with the command's id, in the order of their
-- making; each with its user, who alone may ever see them.
SELECT mark, id, "userId" FROM (
  SELECT r.context AS mark, r.id, v."userId", r.timestamp AS at
  FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
  WHERE v."sessionId" = ANY($1) AND r.context IS NOT NULL
  UNION ALL
  SELECT m.content, m.id, m."forUserId", m.timestamp
  FROM "Message" m WHERE m."sessionId" = ANY($1) AND m."senderId" IS NOT NULL
) AS made ORDER BY at, id
