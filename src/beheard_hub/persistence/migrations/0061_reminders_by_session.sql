-- A load asks for the reminders of one session. Where the table was small when a connection first
-- asked, the index by shard and time was as good to the planner as the one by session, and then the
-- plan read what all sessions wait for, until the table was analyzed: two seconds more for the
-- thousand sessions of a host that died. So that index is only for those who ask by shard.
SET LOCAL ROLE beheard_owner;

DROP INDEX hub."Reminder_due_idx";
CREATE INDEX "Reminder_due_idx" ON hub."Reminder" (shard, "dueAt")
  WHERE "firedAt" IS NULL AND shard IS NOT NULL;

RESET ROLE;
