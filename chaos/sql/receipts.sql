-- Receipts of the people in these sessions.
SELECT "sessionId", "userId", "commandId" FROM hub."CommandReceipt"
WHERE "userId" IN (SELECT v."userId" FROM "UserVessel" v WHERE v."sessionId" = ANY($1))
