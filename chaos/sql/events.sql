-- Events of these sessions.
SELECT "sessionId", "userId", seq, name FROM hub."SessionEvent"
WHERE "sessionId" = ANY($1) ORDER BY "sessionId", "userId", seq
