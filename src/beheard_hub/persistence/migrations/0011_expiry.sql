-- Expiry (spec 3.6) must find what is old without reading what is not: receipts by their time,
-- events seat by seat along the primary key. The BRIN indexes of 0005 stop telling the old from the
-- new as soon as rows fill the room that expired ones left.
SET LOCAL ROLE beheard_owner;

DROP INDEX hub."CommandReceipt_at_idx";
CREATE INDEX "CommandReceipt_at_idx" ON hub."CommandReceipt" (at);
DROP INDEX hub."SessionEvent_at_idx";

RESET ROLE;
