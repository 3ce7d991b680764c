-- A lone command's flush does the least that its contract (0009) allows, and no part of it costs more
-- where there are more sessions. Found by looking at its plans:
--
-- * hub.lease_holds() was a call of its own in every statement, twice in an update; a function that
--   returns a set becomes part of the statement's plan.
-- * the planner takes 100 rows for a batch's, so it read all seats into a hash to check one row of a
--   log, and all sessions to change one. A check with OFFSET 0 is made by key, row by row; one row to
--   change is not a set.
-- * a changed row was read with all its table's columns, and counted by way of a further plan.
--
-- What a flush may do and how it answers stays as it was.
SET LOCAL ROLE beheard_owner;

-- ---- the fence ----------------------------------------------------------------------------------
-- One row while the lease stands that the transaction names; the fences and lease_holds() ask it.
CREATE FUNCTION hub.held_lease() RETURNS SETOF bigint STABLE ROWS 1 LANGUAGE sql BEGIN ATOMIC
  SELECT l.epoch FROM hub."HostLease" l
    WHERE l."hostId" = nullif(current_setting('app.host', true), '')
      AND l.epoch = nullif(current_setting('app.epoch', true), '')::bigint AND NOT l.dead;
END;
GRANT EXECUTE ON FUNCTION hub.held_lease() TO beheard_writer;
CREATE OR REPLACE FUNCTION hub.lease_holds() RETURNS boolean STABLE LANGUAGE sql
  RETURN EXISTS (SELECT FROM hub.held_lease());

DO $$
DECLARE
  fence record;
BEGIN
  FOR fence IN SELECT p.polname AS name, p.polrelid::regclass AS of, p.polcmd AS command
    FROM pg_catalog.pg_policy p WHERE p.polname IN ('fence_insert', 'fence_update', 'fence_delete')
  LOOP
    EXECUTE format('ALTER POLICY %I ON %s %s (EXISTS (SELECT FROM hub.held_lease()))',
      fence.name, fence.of, CASE fence.command WHEN 'a' THEN 'WITH CHECK' ELSE 'USING' END);
  END LOOP;
END
$$;

-- ---- the logs -----------------------------------------------------------------------------------
-- The conditions of 0042, word for word, but for OFFSET 0.
ALTER POLICY write_insert ON hub."SessionEvent" WITH CHECK (
  (select hub.writing()) ? "sessionId" AND (EXISTS (SELECT FROM public."UserVessel" v
      WHERE v."userId" = hub."SessionEvent"."userId"
        AND v."sessionId" = hub."SessionEvent"."sessionId" OFFSET 0)
    OR hub.in_practice("sessionId", "userId")));
ALTER POLICY write_insert ON hub."CommandReceipt" WITH CHECK (
  CASE WHEN "sessionId" = '' THEN "userId" = ANY ((select hub.writers())::text[])
    ELSE (select hub.writing()) ? "sessionId" AND (EXISTS (SELECT FROM public."UserVessel" v
        WHERE v."userId" = hub."CommandReceipt"."userId"
          AND v."sessionId" = hub."CommandReceipt"."sessionId" OFFSET 0)
      OR ((select hub.writing()) -> "sessionId" ? "userId"
        AND hub.in_practice("sessionId", NULL))) END);

DO $$
DECLARE
  rule text := '"sessionId" IS NULL OR ((select hub.writing()) ? "sessionId" AND CASE'
    ' WHEN "userId" IS NULL THEN EXISTS (SELECT FROM public."Session" s'
    '   WHERE s.id = hub."Reminder"."sessionId" OFFSET 0)'
    ' ELSE EXISTS (SELECT FROM public."UserVessel" v'
    '   WHERE v."userId" = hub."Reminder"."userId"'
    '     AND v."sessionId" = hub."Reminder"."sessionId" OFFSET 0)'
    '   OR hub.in_practice("sessionId", "userId") END)';
BEGIN
  EXECUTE format('ALTER POLICY write_insert ON hub."Reminder" WITH CHECK (%s)', rule);
  EXECUTE format('ALTER POLICY write_update ON hub."Reminder" USING (%s)', rule);
END
$$;

-- ---- inserts ------------------------------------------------------------------------------------
-- The tables of nearly every command come first: each WHEN that is passed by is an expression made
-- ready anew in every transaction.
CREATE OR REPLACE FUNCTION hub.make_put() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
  often text[] := ARRAY['hub.SessionEvent', 'hub.CommandReceipt', 'hub.Reminder', 'Message',
    'practice.Message'];
BEGIN
  EXECUTE (SELECT format(
      'CREATE OR REPLACE FUNCTION hub.put(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $body$'
      ' BEGIN CASE op ->> ''t'' %s END CASE; END $body$',
      string_agg(format('WHEN %L THEN RETURN hub.%I(op);', rule.key, hub.put_name(rule.key)), ' '
        ORDER BY array_position(often, rule.key), rule.key))
    FROM jsonb_each(hub.writable()) rule WHERE strpos(rule.value ->> 'ops', 'i') > 0);
  GRANT EXECUTE ON FUNCTION hub.put(jsonb) TO beheard_writer;
END
$make$;
SELECT hub.make_put();

-- ---- changes ------------------------------------------------------------------------------------
-- As in 0013; one row has a statement of its own.
CREATE OR REPLACE FUNCTION hub.change(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  lone boolean := jsonb_array_length(op -> 'rows') = 1;
  shape text := 'change_' || md5(lone || (op - 'rows')::text);
  done bigint;
  said text;
BEGIN
  said := set_config('app.rows', CASE WHEN lone THEN op -> 'rows' ->> 0 ELSE op ->> 'rows' END, true);
  -- The mark spares a look into the catalogue; a rollback takes it back, but not the statement.
  IF current_setting('app.' || shape, true) IS DISTINCT FROM 'prepared' THEN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.name = shape) THEN
      PERFORM hub.prepare_change(shape, op);
    END IF;
    said := set_config('app.' || shape, 'prepared', false);
  END IF;
  EXECUTE format('EXECUTE %I', shape);
  GET DIAGNOSTICS done = ROW_COUNT;
  said := set_config('app.rows', '', true);
  RETURN done;
END
$$;

CREATE OR REPLACE FUNCTION hub.prepare_change(shape text, op jsonb) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  tbl text := hub.qualified(op ->> 't');
  rows text;
  keys text;
  cols text;
BEGIN
  SELECT format('%s(current_setting(''app.rows'')::jsonb) AS r (%s)',
      CASE jsonb_array_length(op -> 'rows') WHEN 1 THEN 'jsonb_to_record'
        ELSE 'jsonb_to_recordset' END,
      string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '))
    INTO STRICT rows
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = tbl::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND (op -> 'key' ? a.attname OR op -> 'cols' ? a.attname);
  SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') INTO STRICT keys
    FROM jsonb_array_elements_text(op -> 'key') k;
  SELECT string_agg(format('%1$I = r.%1$I', c), ', ') INTO cols
    FROM jsonb_array_elements_text(op -> 'cols') c;
  -- RETURNING, because of what an EXECUTE did only the rows that come back are counted
  EXECUTE format('PREPARE %I AS %s WHERE %s RETURNING 1', shape,
    CASE op ->> 'op' WHEN 'u' THEN format('UPDATE %s t SET %s FROM %s', tbl, cols, rows)
      ELSE format('DELETE FROM %s t USING %s', tbl, rows) END,
    keys);
END
$$;

-- ---- the flush ----------------------------------------------------------------------------------
-- As in 0013; assignments where each PERFORM, and the loop over a query, was a query of its own.
CREATE OR REPLACE FUNCTION hub.flush(host text, epoch bigint, n bigint, batch jsonb) RETURNS text
  LANGUAGE plpgsql AS $$
DECLARE
  lease_epoch bigint := epoch;
  ops jsonb := batch -> 'ops';
  op jsonb;
  done bigint;
  said text;
BEGIN
  IF current_user <> 'beheard_writer' THEN
    said := set_config('role', 'beheard_writer', true);
  END IF;
  UPDATE hub."HostLease" l
    SET "flushNo" = n, "expiresAt" = clock_timestamp() + interval '3 seconds'
    WHERE l."hostId" = host AND l.epoch = lease_epoch AND NOT l.dead AND l."flushNo" = n - 1;
  IF NOT FOUND THEN
    RETURN CASE WHEN EXISTS (SELECT FROM hub."HostLease" l
        WHERE l."hostId" = host AND l.epoch = lease_epoch AND l."flushNo" = n)
      THEN 'already' ELSE 'fenced' END;
  END IF;
  IF ops IS NULL THEN
    RETURN 'ok';
  END IF;
  said := set_config('app.writing', coalesce(batch -> 'writing', '{}')::text, true);
  said := set_config('app.host', host, true);
  said := set_config('app.epoch', lease_epoch::text, true);
  FOR k IN 0 .. jsonb_array_length(ops) - 1 LOOP
    op := ops -> k;
    IF (strpos(hub.writable() -> (op ->> 't') ->> 'ops', op ->> 'op') > 0) IS NOT TRUE THEN
      RAISE EXCEPTION 'no flush may do this' USING ERRCODE = 'BH004';
    END IF;
    done := CASE op ->> 'op' WHEN 'i' THEN hub.put(op) ELSE hub.change(op) END;
    IF done <> jsonb_array_length(op -> 'rows') THEN
      RAISE EXCEPTION '% of % rows of % are not there or not ours',
        jsonb_array_length(op -> 'rows') - done, jsonb_array_length(op -> 'rows'), op ->> 't'
        USING ERRCODE = 'BH001';
    END IF;
  END LOOP;
  RETURN 'ok';
END
$$;

RESET ROLE;
