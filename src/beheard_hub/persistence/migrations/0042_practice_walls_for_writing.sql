-- What a flush may write of a practice (spec 08, 4.2), and where its numbers come from.
--
-- The session of app.writing is the number as text: {"17": [userId]}. What happens in a session is
-- written on behalf of its participant, also when nobody asked (a reply of the partner, a timer).
-- SQLSTATE BH006: a scenario that has sessions is changed by a new version.
--
-- Definer functions (docs/walls.md):
--   hub.ranks_as(user, role)       whether a user has at least that role
--   hub.keep_scenario()            trigger: a scenario that has sessions keeps its words
--   hub.reserve_numbers(kind, n)   a host's next numbers
SET LOCAL ROLE beheard_owner;

-- ---- the one list, and what is made of it -------------------------------------------------------
DO $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', hub.writable() || '{
    "practice.Scenario":            {"ops": "iu", "set": ["name", "description", "partnerPersona",
                                     "partnerSystemPrompt", "coachSystemPrompt", "partnerModel",
                                     "coachModel", "isActive"]},
    "practice.QuotaPreset":         {"ops": "iud", "set": ["name", "label", "description", "quota",
                                     "isDefault", "sortOrder"]},
    "practice.Invitation":          {"ops": "iu", "set": ["usage", "revokedAt", "claimedAt",
                                     "linkedUserId"]},
    "practice.ConversationSession": {"ops": "iu", "set": ["status", "endedAt", "durationSeconds",
                                     "totalMessages", "usage"]},
    "practice.Message":             {"ops": "i"},
    "practice.UsageLog":            {"ops": "i"},
    "practice.ObservationNote":     {"ops": "id"},
    "practice.TelemetryEvent":      {"ops": "i"}
  }'::jsonb);
END
$$;

CREATE OR REPLACE FUNCTION hub.qualified(t text) RETURNS text IMMUTABLE LANGUAGE sql
  RETURN CASE WHEN left(t, 4) = 'hub.' THEN format('hub.%I', substr(t, 5))
    WHEN left(t, 9) = 'practice.' THEN format('practice.%I', substr(t, 10))
    ELSE format('public.%I', t) END;

-- "Message" → put_Message, "practice.Message" → put_practice_Message.
CREATE FUNCTION hub.put_name(t text) RETURNS text IMMUTABLE LANGUAGE sql
  RETURN 'put_' || replace(replace(t, 'hub.', ''), 'practice.', 'practice_');

-- As in 0009 and 0013, for tables of three schemas, of which two have a "Message". A generated
-- column is nobody's to put. An identity has no default here: a host gives the number.
CREATE OR REPLACE FUNCTION hub.make_puts() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
  w record;
BEGIN
  FOR w IN
    SELECT hub.put_name(rule.key) AS function, c.oid::regclass AS name,
      string_agg(format('%I', a.attname), ', ') FILTER (WHERE put) AS cols,
      string_agg(format('r.%I', a.attname), ', ') FILTER (WHERE put) AS vals,
      jsonb_agg(a.attname) FILTER (WHERE put) AS allowed,
      string_agg(CASE WHEN put THEN coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL')
        ELSE 'NULL' END, ', ' ORDER BY a.attnum) AS defaults
    FROM jsonb_each(hub.writable()) rule
    JOIN pg_catalog.pg_class c ON c.oid = hub.qualified(rule.key)::regclass
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    CROSS JOIN LATERAL
      (SELECT a.attname NOT IN ('updatedAt', 'seat') AND a.attgenerated = '') AS p (put)
    WHERE strpos(rule.value ->> 'ops', 'i') > 0
    GROUP BY rule.key, c.oid
  LOOP
    EXECUTE format($put$
      CREATE OR REPLACE FUNCTION hub.%1$I(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $body$
      DECLARE
        done bigint;
      BEGIN
        IF NOT op -> 'cols' <@ %2$L::jsonb THEN
          RAISE EXCEPTION 'no such column in %%', op ->> 't' USING ERRCODE = 'BH004';
        END IF;
        INSERT INTO %3$s (%4$s)
          SELECT %5$s FROM jsonb_populate_recordset(ROW(%6$s)::%3$s, op -> 'rows') r;
        GET DIAGNOSTICS done = ROW_COUNT;
        RETURN done;
      END
      $body$
      $put$, w.function, w.allowed, w.name, w.cols, w.vals, w.defaults);
    EXECUTE format('GRANT EXECUTE ON FUNCTION hub.%I(jsonb) TO beheard_writer', w.function);
  END LOOP;
END
$make$;

CREATE OR REPLACE FUNCTION hub.make_put() RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
  EXECUTE (SELECT format(
      'CREATE OR REPLACE FUNCTION hub.put(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $body$'
      ' BEGIN CASE op ->> ''t'' %s END CASE; END $body$',
      string_agg(format('WHEN %L THEN RETURN hub.%I(op);', rule.key, hub.put_name(rule.key)), ' '))
    FROM jsonb_each(hub.writable()) rule WHERE strpos(rule.value ->> 'ops', 'i') > 0);
  GRANT EXECUTE ON FUNCTION hub.put(jsonb) TO beheard_writer;
END
$make$;

-- ---- grants and the fence -----------------------------------------------------------------------
DO $$
DECLARE
  w record;
  cols text;
BEGIN
  FOR w IN SELECT hub.qualified(key) AS name, value ->> 'ops' AS ops, value -> 'set' AS set
    FROM jsonb_each(hub.writable()) WHERE key LIKE 'practice.%'
  LOOP
    -- columns that find a row; none of them is content
    SELECT string_agg(format('%I', a.attname), ', ') INTO cols FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = w.name::regclass AND a.attname IN ('id', 'sessionId', 'userId',
        'invitationId', 'linkedUserId', 'createdById', 'researcherId');
    EXECUTE format('GRANT SELECT (%s) ON %s TO beheard_writer', cols, w.name);
    EXECUTE format('CREATE POLICY keys ON %s FOR SELECT TO beheard_writer USING (true)', w.name);
    SELECT string_agg(format('%I', a.attname), ', ') INTO cols FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = w.name::regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname <> 'updatedAt' AND a.attgenerated = '';
    EXECUTE format('GRANT INSERT (%s) ON %s TO beheard_writer', cols, w.name);
    EXECUTE format('CREATE POLICY fence_insert ON %s AS RESTRICTIVE FOR INSERT TO beheard_writer'
                   ' WITH CHECK ((select hub.lease_holds()))', w.name);
    IF w.ops ~ 'u' THEN
      SELECT string_agg(format('%I', c), ', ') INTO cols FROM jsonb_array_elements_text(w.set) c;
      EXECUTE format('GRANT UPDATE (%s) ON %s TO beheard_writer', cols, w.name);
      EXECUTE format('CREATE POLICY fence_update ON %s AS RESTRICTIVE FOR UPDATE TO beheard_writer'
                     ' USING ((select hub.lease_holds()))', w.name);
    END IF;
    IF w.ops ~ 'd' THEN
      EXECUTE format('GRANT DELETE ON %s TO beheard_writer', w.name);
      EXECUTE format('CREATE POLICY fence_delete ON %s AS RESTRICTIVE FOR DELETE TO beheard_writer'
                     ' USING ((select hub.lease_holds()))', w.name);
    END IF;
  END LOOP;
END
$$;

SELECT hub.make_puts();
SELECT hub.make_put();

-- ---- whose row ----------------------------------------------------------------------------------
CREATE FUNCTION hub.ranks_as(who text, wanted public."Role") RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT FROM public."User" u WHERE u.id = who AND u.role >= wanted);
END
$$;
GRANT EXECUTE ON FUNCTION hub.ranks_as(text, "Role") TO beheard_writer;

-- With the writer's rights. `who` NULL: whether there is such a practice session at all.
CREATE FUNCTION hub.in_practice(session text, who text) RETURNS boolean
  STABLE LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT FROM practice."ConversationSession" c
    WHERE c.id = hub.practice_number(session) AND (who IS NULL OR c."userId" = who));
END
$$;
GRANT EXECUTE ON FUNCTION hub.in_practice(text, text) TO beheard_writer;

CREATE POLICY write_insert ON practice."Scenario" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.admin_writes()));
CREATE POLICY write_update ON practice."Scenario" FOR UPDATE TO beheard_writer
  USING ((select hub.admin_writes()));
CREATE POLICY write_insert ON practice."QuotaPreset" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.admin_writes()));
CREATE POLICY write_update ON practice."QuotaPreset" FOR UPDATE TO beheard_writer
  USING ((select hub.admin_writes()));
CREATE POLICY write_delete ON practice."QuotaPreset" FOR DELETE TO beheard_writer
  USING ((select hub.admin_writes()));

-- Staff invite. Whoever claims finds the invitation free or the own one, and leaves it the own one;
-- after that it is the claimer's to be charged, and the inviter's or an administrator's to be revoked.
CREATE POLICY write_insert ON practice."Invitation" FOR INSERT TO beheard_writer
  WITH CHECK ("createdById" = ANY ((select hub.writers())::text[])
    AND hub.ranks_as("createdById", 'STAFF'));
CREATE POLICY write_update ON practice."Invitation" FOR UPDATE TO beheard_writer
  USING ("linkedUserId" IS NULL OR "linkedUserId" = ANY ((select hub.writers())::text[])
    OR "createdById" = ANY ((select hub.writers())::text[]) OR (select hub.admin_writes()))
  WITH CHECK ("linkedUserId" = ANY ((select hub.writers())::text[])
    OR "createdById" = ANY ((select hub.writers())::text[]) OR (select hub.admin_writes()));

CREATE POLICY write_insert ON practice."ConversationSession" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.writing()) -> id::text ? "userId");
CREATE POLICY write_update ON practice."ConversationSession" FOR UPDATE TO beheard_writer
  USING ((select hub.writing()) ? id::text);
CREATE POLICY not_leaving ON practice."ConversationSession" AS RESTRICTIVE FOR INSERT
  TO beheard_writer WITH CHECK (NOT hub.under_erasure("userId"));

-- What is said by or to somebody who leaves is not stored any more.
CREATE POLICY write_insert ON practice."Message" FOR INSERT TO beheard_writer WITH CHECK (
  EXISTS (SELECT FROM practice."ConversationSession" c WHERE c.id = "Message"."sessionId"
    AND (select hub.writing()) -> c.id::text ? c."userId" AND NOT hub.under_erasure(c."userId")));
CREATE POLICY write_insert ON practice."UsageLog" FOR INSERT TO beheard_writer WITH CHECK (
  EXISTS (SELECT FROM practice."ConversationSession" c WHERE c.id = "UsageLog"."sessionId"
    AND c."userId" = "UsageLog"."userId"
    AND c."invitationId" IS NOT DISTINCT FROM "UsageLog"."invitationId"
    AND (select hub.writing()) -> c.id::text ? c."userId"));

CREATE POLICY write_insert ON practice."ObservationNote" FOR INSERT TO beheard_writer WITH CHECK (
  "researcherId" = ANY ((select hub.writers())::text[]) AND hub.ranks_as("researcherId", 'STAFF')
  AND (hub.ranks_as("researcherId", 'ADMIN') OR EXISTS (SELECT FROM practice."Invitation" i
    WHERE i.id = "ObservationNote"."invitationId"
      AND i."createdById" = "ObservationNote"."researcherId")));
CREATE POLICY write_delete ON practice."ObservationNote" FOR DELETE TO beheard_writer
  USING ("researcherId" = ANY ((select hub.writers())::text[]) OR (select hub.admin_writes()));

CREATE POLICY write_insert ON practice."TelemetryEvent" FOR INSERT TO beheard_writer
  WITH CHECK ("userId" IS NULL OR "userId" = ANY ((select hub.writers())::text[]));

-- A trigger that could see less than all sessions would let their words be changed.
CREATE FUNCTION hub.keep_scenario() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF EXISTS (SELECT FROM practice."ConversationSession" c WHERE c."scenarioId" = OLD.id) THEN
    RAISE EXCEPTION 'a scenario that has sessions is changed by a new version'
      USING ERRCODE = 'BH006';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER keep_scenario BEFORE UPDATE ON practice."Scenario" FOR EACH ROW
  WHEN ((OLD.name, OLD.description, OLD.slug, OLD.version, OLD."partnerPersona",
      OLD."partnerSystemPrompt", OLD."coachSystemPrompt", OLD."partnerModel", OLD."coachModel")
    IS DISTINCT FROM (NEW.name, NEW.description, NEW.slug, NEW.version, NEW."partnerPersona",
      NEW."partnerSystemPrompt", NEW."coachSystemPrompt", NEW."partnerModel", NEW."coachModel"))
  EXECUTE FUNCTION hub.keep_scenario();

-- ---- the logs that both kinds share -------------------------------------------------------------
-- A session of either kind: no foreign key can say so, hence a policy does. An event is the
-- participant's; a receipt also staff's, who command in a session that they watch. A timer of a
-- practice names its participant.
ALTER TABLE hub."SessionEvent" DROP CONSTRAINT "SessionEvent_userId_sessionId_fkey";
ALTER TABLE hub."Reminder" DROP CONSTRAINT "Reminder_sessionId_fkey";

ALTER POLICY write_insert ON hub."SessionEvent" WITH CHECK (
  (select hub.writing()) ? "sessionId" AND (EXISTS (SELECT FROM public."UserVessel" v
      WHERE v."userId" = hub."SessionEvent"."userId"
        AND v."sessionId" = hub."SessionEvent"."sessionId")
    OR hub.in_practice("sessionId", "userId")));

ALTER POLICY write_insert ON hub."CommandReceipt" WITH CHECK (
  CASE WHEN "sessionId" = '' THEN "userId" = ANY ((select hub.writers())::text[])
    ELSE (select hub.writing()) ? "sessionId" AND (EXISTS (SELECT FROM public."UserVessel" v
        WHERE v."userId" = hub."CommandReceipt"."userId"
          AND v."sessionId" = hub."CommandReceipt"."sessionId")
      OR ((select hub.writing()) -> "sessionId" ? "userId"
        AND hub.in_practice("sessionId", NULL))) END);

DO $$
DECLARE
  rule text := '"sessionId" IS NULL OR ((select hub.writing()) ? "sessionId" AND CASE'
    ' WHEN "userId" IS NULL THEN EXISTS (SELECT FROM public."Session" s'
    '   WHERE s.id = hub."Reminder"."sessionId") ELSE EXISTS (SELECT FROM public."UserVessel" v'
    '   WHERE v."userId" = hub."Reminder"."userId" AND v."sessionId" = hub."Reminder"."sessionId")'
    '   OR hub.in_practice("sessionId", "userId") END)';
BEGIN
  EXECUTE format('ALTER POLICY write_insert ON hub."Reminder" WITH CHECK (%s)', rule);
  EXECUTE format('ALTER POLICY write_update ON hub."Reminder" USING (%s)', rule);
END
$$;

-- ---- numbers ------------------------------------------------------------------------------------
-- The next `how_many` numbers of a kind ('session', 'message', 'scenario'). No other host gets one of
-- them; whatever a host does not use stays a gap.
CREATE FUNCTION hub.reserve_numbers(kind text, how_many int) RETURNS int[]
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  source text := CASE kind WHEN 'session' THEN 'ConversationSession' WHEN 'message' THEN 'Message'
    WHEN 'scenario' THEN 'Scenario' END;
BEGIN
  IF source IS NULL OR how_many NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'no such numbers' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN ARRAY(SELECT nextval(pg_get_serial_sequence(format('practice.%I', source), 'id')::regclass)
    FROM generate_series(1, how_many));
END
$$;
GRANT EXECUTE ON FUNCTION hub.reserve_numbers(text, int) TO beheard_ops;

RESET ROLE;
