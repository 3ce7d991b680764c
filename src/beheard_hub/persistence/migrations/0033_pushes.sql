-- When the last push of a session went to a user (spec 07: one a minute), without a walk through
-- all that was ever done for them.
SET LOCAL ROLE beheard_owner;

CREATE INDEX "Reminder_push_fired_idx" ON hub."Reminder" ("userId", "sessionId", "firedAt")
  WHERE kind = 'push';

RESET ROLE;
