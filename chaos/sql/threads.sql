-- Messages of these sessions' threads as they are read.
SELECT array_agg(m.id ORDER BY m.timestamp, m.id) AS ids FROM "Message" m
WHERE m."sessionId" = ANY($1) GROUP BY m."sessionId", m."forUserId"
