-- Stage rows of these sessions whose gates are not latched, lowest first.
SELECT "sessionId", "userId", stage, "gatesSatisfied" AS gates FROM "StageProgress"
WHERE "sessionId" = ANY($1) AND NOT "gatesLatched" ORDER BY "sessionId", "userId", stage
