-- Leaving (spec 4.5), the first half: that an erasure was begun, and who may say so.
--
-- hub."Erasure" is the mark. While it stands for a user, nothing new of that user is let in; what it
-- lets out is in 0023. "UserVessel"."erasedAt" is the tombstone of one seat: the empty vessel stays,
-- because the partner's session stands on two seats.
SET LOCAL ROLE beheard_owner;

CREATE TABLE hub."Erasure" (
  "userId" text PRIMARY KEY REFERENCES "User",
  "startedAt" timestamptz NOT NULL DEFAULT now(),
  "finishedAt" timestamptz,
  "cleanedAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  CHECK ("finishedAt" IS NOT NULL OR "cleanedAt" IS NULL)
);
CREATE INDEX "Erasure_unclean_idx" ON hub."Erasure" ("finishedAt")
  WHERE "finishedAt" IS NOT NULL AND "cleanedAt" IS NULL;
ALTER TABLE "UserVessel" ADD COLUMN "erasedAt" timestamptz;

-- What is erased is found, and what points to it is looked for, by an index.
CREATE INDEX "Reminder_fired_userId_idx" ON hub."Reminder" ("userId")
  WHERE "firedAt" IS NOT NULL AND "userId" IS NOT NULL;
CREATE INDEX "StrategyProposal_consentRecordId_idx" ON "StrategyProposal" ("consentRecordId");
CREATE INDEX "EmpathyAttempt_consentRecordId_idx" ON "EmpathyAttempt" ("consentRecordId");
CREATE INDEX "EmpathyAttempt_draftId_idx" ON "EmpathyAttempt" ("draftId");
CREATE INDEX "EmpathyAttempt_supersededById_idx" ON "EmpathyAttempt" ("supersededById");
CREATE INDEX "Agreement_proposalId_idx" ON "Agreement" ("proposalId");

-- Read with the caller's rights: the writer sees key columns, the owner sees them to look up.
CREATE FUNCTION hub.under_erasure(who text) RETURNS boolean STABLE LANGUAGE sql
  RETURN EXISTS (SELECT FROM hub."Erasure" e WHERE e."userId" = who);
GRANT EXECUTE ON FUNCTION hub.under_erasure(text) TO beheard_writer, beheard_app;

ALTER TABLE hub."Erasure" ENABLE ROW LEVEL SECURITY;
ALTER TABLE hub."Erasure" FORCE ROW LEVEL SECURITY;
CREATE POLICY look_up ON hub."Erasure" FOR SELECT TO beheard_owner USING (true);
CREATE POLICY own ON hub."Erasure" FOR SELECT TO beheard_app
  USING ("userId" = (select hub.actor_id()) AND (select hub.as_user()));
GRANT SELECT ON hub."Erasure" TO beheard_app;

-- ---- writing it -----------------------------------------------------------------------------------
-- A host begins the erasure of a user for whom it writes, and of nobody else.
DO $$
DECLARE
  rules jsonb := hub.writable();
BEGIN
  rules := jsonb_set(rules, '{UserVessel,set}', rules #> '{UserVessel,set}' || '"erasedAt"')
    || '{"hub.Erasure": {"ops": "iu", "set": ["finishedAt"]}}';
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', rules);
END
$$;
GRANT SELECT ("userId"), INSERT, UPDATE ("finishedAt") ON hub."Erasure" TO beheard_writer;
GRANT INSERT ("erasedAt"), UPDATE ("erasedAt") ON "UserVessel" TO beheard_writer;
CREATE POLICY keys ON hub."Erasure" FOR SELECT TO beheard_writer USING (true);
CREATE POLICY fence_insert ON hub."Erasure" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.lease_holds()));
CREATE POLICY fence_update ON hub."Erasure" AS RESTRICTIVE FOR UPDATE TO beheard_writer
  USING ((select hub.lease_holds()));
CREATE POLICY write_insert ON hub."Erasure" FOR INSERT TO beheard_writer
  WITH CHECK ("userId" = ANY ((select hub.writers())::text[]));
CREATE POLICY write_update ON hub."Erasure" FOR UPDATE TO beheard_writer
  USING ("userId" = ANY ((select hub.writers())::text[]));

-- Who leaves joins nothing and begins nothing any more, whichever command was under way.
CREATE POLICY not_leaving ON "UserVessel" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK (NOT hub.under_erasure("userId"));
CREATE POLICY not_leaving ON "RelationshipMember" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK (NOT hub.under_erasure("userId"));
CREATE POLICY not_leaving ON "Session" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK (NOT hub.under_erasure("createdById"));
CREATE POLICY not_leaving ON "ContactMethod" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK (NOT hub.under_erasure("userId"));

SELECT hub.make_puts();
SELECT hub.make_put();

RESET ROLE;
