-- What calls to a model cost (spec 06): one row for each request, numbers and names of ours, no
-- text. A user sees the own ones (an export takes them along), operations count them, nobody else.
SET LOCAL ROLE beheard_owner;

CREATE TABLE hub."AiUsage" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL,
  "userId" text NOT NULL,
  call text NOT NULL CHECK (char_length(call) BETWEEN 1 AND 64),
  model text NOT NULL CHECK (char_length(model) BETWEEN 1 AND 100),
  input int NOT NULL CHECK (input >= 0),
  output int NOT NULL CHECK (output >= 0),
  cached int NOT NULL CHECK (cached >= 0),
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY ("userId", "sessionId") REFERENCES "UserVessel" ("userId", "sessionId")
    ON DELETE CASCADE
);
-- A user's tokens of today; everybody's of today, by call and model, and what is old.
CREATE INDEX "AiUsage_userId_idx" ON hub."AiUsage" ("userId", at) INCLUDE (input, output, cached);
CREATE INDEX "AiUsage_at_idx" ON hub."AiUsage" (at) INCLUDE (input, output, cached);

ALTER TABLE hub."AiUsage" ENABLE ROW LEVEL SECURITY;
ALTER TABLE hub."AiUsage" FORCE ROW LEVEL SECURITY;

CREATE POLICY own ON hub."AiUsage" FOR SELECT TO beheard_app
  USING ("userId" = (select hub.actor_id()) AND (select hub.as_user()));
GRANT SELECT ON hub."AiUsage" TO beheard_app;

-- ---- writing: by a flush, on the charged user's behalf --------------------------------------------
DO $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', hub.writable() || '{"hub.AiUsage": {"ops": "i"}}');
END
$$;
GRANT SELECT (id, "sessionId", "userId"), INSERT ON hub."AiUsage" TO beheard_writer;
CREATE POLICY keys ON hub."AiUsage" FOR SELECT TO beheard_writer USING (true);
CREATE POLICY fence_insert ON hub."AiUsage" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.lease_holds()));
CREATE POLICY write_insert ON hub."AiUsage" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.writing()) -> "sessionId" ? "userId");

-- ---- counting and expiry, by operations -----------------------------------------------------------
GRANT SELECT (id, "userId", call, model, input, output, cached, at), DELETE ON hub."AiUsage"
  TO beheard_ops;
CREATE POLICY operations ON hub."AiUsage" FOR SELECT TO beheard_ops USING (true);
CREATE POLICY expiry ON hub."AiUsage" FOR DELETE TO beheard_ops USING (true);

-- ---- leaving (0023): with the seat, and once more at the end, for calls that were under way -------
CREATE POLICY erase ON hub."AiUsage" FOR DELETE TO beheard_owner
  USING (hub.under_erasure("userId"));
CREATE POLICY erase_seen ON hub."AiUsage" FOR SELECT TO beheard_owner
  USING (hub.under_erasure("userId"));
DO $$
DECLARE
  change record;
  body text;
BEGIN
  FOR change IN SELECT * FROM (VALUES
    ('hub.erase_seat()', 'DELETE FROM hub."Nudge" t WHERE t."sessionId" = s AND t."userId" = u;',
      'DELETE FROM hub."AiUsage" t WHERE t."sessionId" = s AND t."userId" = u;'),
    ('hub.end_erasure()', 'PERFORM hub.erase_person(NEW."userId");',
      'DELETE FROM hub."AiUsage" t WHERE t."userId" = NEW."userId";')) AS c (name, after, added)
  LOOP
    body := pg_get_functiondef(change.name::regprocedure);
    IF strpos(body, change.after) = 0 THEN
      RAISE EXCEPTION '% is not as it was', change.name;
    END IF;
    EXECUTE replace(body, change.after, change.after || E'\n  ' || change.added);
  END LOOP;
END
$$;

SELECT hub.make_puts();
SELECT hub.make_put();

RESET ROLE;
