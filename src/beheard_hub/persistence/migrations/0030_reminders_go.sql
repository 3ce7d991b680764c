-- Reminders that ran are kept for a week, for whoever looks into what happened, and go (spec 3.6).
-- Operations may drop no other: what must still happen is nobody's to lose.
SET LOCAL ROLE beheard_owner;

CREATE INDEX "Reminder_firedAt_idx" ON hub."Reminder" ("firedAt") WHERE "firedAt" IS NOT NULL;

GRANT DELETE ON hub."Reminder" TO beheard_ops;
CREATE POLICY expiry ON hub."Reminder" FOR DELETE TO beheard_ops USING ("firedAt" IS NOT NULL);

RESET ROLE;
