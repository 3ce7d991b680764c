-- Receipts of commands with these ids.
SELECT "userId", "commandId" FROM hub."CommandReceipt" WHERE "commandId" = ANY($1)
