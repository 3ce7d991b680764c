-- Which of these practices have a lane that is still to be asked.
SELECT DISTINCT "sessionId" FROM hub."Reminder"
WHERE "sessionId" = ANY($1) AND kind = 'practice_exchange' AND "firedAt" IS NULL
