-- A lone command's flush spends its time on planning, so nothing of it is planned twice: an insert
-- reaches its static function by a static call, an update or delete is a prepared statement of the
-- connection, one for each table and set of columns. Measured for one command with an update: a
-- quarter of the server's time less. What a flush may do, and how it answers, stays as 0009 says.
SET LOCAL ROLE beheard_owner;

-- hub.put(op): the insert of one operation, by its table. A later migration that calls
-- hub.make_puts() calls this too.
CREATE FUNCTION hub.make_put() RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
  EXECUTE (SELECT format(
      'CREATE OR REPLACE FUNCTION hub.put(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $body$'
      ' BEGIN CASE op ->> ''t'' %s END CASE; END $body$',
      string_agg(format('WHEN %L THEN RETURN hub.%I(op);', rule.key,
        'put_' || replace(rule.key, 'hub.', '')), ' '))
    FROM jsonb_each(hub.writable()) rule WHERE strpos(rule.value ->> 'ops', 'i') > 0);
  GRANT EXECUTE ON FUNCTION hub.put(jsonb) TO beheard_writer;
END
$make$;
SELECT hub.make_put();

-- The rows travel in a local setting, because a prepared statement that is called from a function
-- can be given no parameter but as a literal, and a literal would show in an error's context.
CREATE OR REPLACE FUNCTION hub.change(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  shape text := 'change_' || md5((op - 'rows')::text);
  done bigint;
BEGIN
  PERFORM set_config('app.rows', op ->> 'rows', true);
  -- The mark spares a look into the catalogue; a rollback takes it back, but not the statement.
  IF current_setting('app.' || shape, true) IS DISTINCT FROM 'prepared' THEN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.name = shape) THEN
      PERFORM hub.prepare_change(shape, op);
    END IF;
    PERFORM set_config('app.' || shape, 'prepared', false);
  END IF;
  EXECUTE format('EXECUTE %I', shape) INTO done;
  PERFORM set_config('app.rows', '', true);
  RETURN done;
END
$$;

CREATE FUNCTION hub.prepare_change(shape text, op jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  tbl text := hub.qualified(op ->> 't');
  rows text := format('jsonb_populate_recordset(NULL::%s, current_setting(''app.rows'')::jsonb) r',
    tbl);
  keys text;
  cols text;
BEGIN
  SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') INTO STRICT keys
    FROM jsonb_array_elements_text(op -> 'key') k;
  SELECT string_agg(format('%1$I = r.%1$I', c), ', ') INTO cols
    FROM jsonb_array_elements_text(op -> 'cols') c;
  EXECUTE format('PREPARE %I AS WITH done AS (%s WHERE %s RETURNING 1) SELECT count(*) FROM done',
    shape,
    CASE op ->> 'op' WHEN 'u' THEN format('UPDATE %s t SET %s FROM %s', tbl, cols, rows)
      ELSE format('DELETE FROM %s t USING %s', tbl, rows) END,
    keys);
END
$$;
GRANT EXECUTE ON FUNCTION hub.prepare_change(text, jsonb) TO beheard_writer;

CREATE OR REPLACE FUNCTION hub.flush(host text, epoch bigint, n bigint, batch jsonb) RETURNS text
  LANGUAGE plpgsql AS $$
DECLARE
  lease_epoch bigint := epoch;
  op jsonb;
  done bigint;
BEGIN
  IF current_user <> 'beheard_writer' THEN
    PERFORM set_config('role', 'beheard_writer', true);
  END IF;
  UPDATE hub."HostLease" l
    SET "flushNo" = n, "expiresAt" = clock_timestamp() + interval '3 seconds'
    WHERE l."hostId" = host AND l.epoch = lease_epoch AND NOT l.dead AND l."flushNo" = n - 1;
  IF NOT FOUND THEN
    RETURN CASE WHEN EXISTS (SELECT FROM hub."HostLease" l
        WHERE l."hostId" = host AND l.epoch = lease_epoch AND l."flushNo" = n)
      THEN 'already' ELSE 'fenced' END;
  END IF;
  IF batch -> 'ops' IS NULL THEN
    RETURN 'ok';
  END IF;
  PERFORM set_config('app.writing', coalesce(batch -> 'writing', '{}')::text, true),
    set_config('app.host', host, true), set_config('app.epoch', lease_epoch::text, true);
  FOR op IN SELECT jsonb_array_elements(batch -> 'ops') LOOP
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
