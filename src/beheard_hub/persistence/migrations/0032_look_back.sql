-- Whoever takes shards looks for the events of the last minutes of which nobody was notified
-- (events.unnoticed in operations.sql). One such look for each adoption does not pay for a B-tree
-- that every event is written to; BRIN is nearly free to write, and where old and new rows have come
-- to share pages (0011) it only reads more of them.
SET LOCAL ROLE beheard_owner;

CREATE INDEX "SessionEvent_recent_idx" ON hub."SessionEvent"
  USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

RESET ROLE;
