-- The one statement by which a host writes, and the leases behind it (spec 01, 4.2).
--
-- SQLSTATEs of our own: BH001 a row to change is not there or not ours · BH002 the lease is lost ·
-- BH003 content without a consent in force · BH004 the batch asks for what no flush may do.
-- Messages carry table names and numbers, never values of a row.
SET LOCAL ROLE beheard_owner;

-- For every table with op "i" a function hub."put_<table>"(op) that inserts an operation's rows.
-- Its one statement is static, so that its plan, policies and all, is made once per connection: a
-- lone command costs half of what planning each time did. A column that a row does not name gets
-- its default. A later migration that adds a table to hub.writable(), or a column, calls it again.
CREATE FUNCTION hub.make_puts() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
  w record;
BEGIN
  FOR w IN
    SELECT c.relname, c.oid::regclass AS name,
      string_agg(format('%I', a.attname), ', ') FILTER (WHERE put) AS cols,
      string_agg(format('r.%I', a.attname), ', ') FILTER (WHERE put) AS vals,
      jsonb_agg(a.attname) FILTER (WHERE put) AS allowed,
      string_agg(CASE WHEN put THEN coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL')
        ELSE 'NULL' END, ', ' ORDER BY a.attnum) AS defaults
    FROM jsonb_each(hub.writable()) rule
    JOIN pg_catalog.pg_class c ON c.oid = hub.qualified(rule.key)::regclass
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    CROSS JOIN LATERAL (SELECT a.attname NOT IN ('updatedAt', 'seat')) AS p (put)
    WHERE strpos(rule.value ->> 'ops', 'i') > 0
    GROUP BY c.relname, c.oid
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
      $put$, 'put_' || w.relname, w.allowed, w.name, w.cols, w.vals, w.defaults);
    EXECUTE format('GRANT EXECUTE ON FUNCTION hub.%I(jsonb) TO beheard_writer',
      'put_' || w.relname);
  END LOOP;
END
$make$;
SELECT hub.make_puts();

-- Changes or deletes the rows of one operation and returns how many there were.
CREATE FUNCTION hub.change(op jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  tbl text := hub.qualified(op ->> 't');
  keys text;
  cols text;
  done bigint;
BEGIN
  SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') INTO STRICT keys
    FROM jsonb_array_elements_text(op -> 'key') k;
  IF op ->> 'op' = 'u' THEN
    SELECT string_agg(format('%1$I = r.%1$I', c), ', ') INTO cols
      FROM jsonb_array_elements_text(op -> 'cols') c;
    EXECUTE format('UPDATE %1$s t SET %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1) r'
      ' WHERE %3$s', tbl, cols, keys) USING op -> 'rows';
  ELSE
    EXECUTE format('DELETE FROM %1$s t USING jsonb_populate_recordset(NULL::%1$s, $1) r'
      ' WHERE %2$s', tbl, keys) USING op -> 'rows';
  END IF;
  GET DIAGNOSTICS done = ROW_COUNT;
  RETURN done;
END
$$;

-- Applies one batch as flush `n` of (host, epoch); docs/architecture.md describes the batch.
--   ok       committed with this statement
--   already  flush `n` was committed before: nothing is done twice
--   fenced   the lease is gone or the number is not the next one: nothing was applied
-- Any failing row raises, and nothing of the batch, nor the number, is applied.
-- The caller's role becomes beheard_writer until its transaction ends; alone in its transaction the
-- statement is all it takes.
CREATE FUNCTION hub.flush(host text, epoch bigint, n bigint, batch jsonb) RETURNS text
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
    IF op ->> 'op' = 'i' THEN
      EXECUTE format('SELECT hub.%I($1)', 'put_' || replace(op ->> 't', 'hub.', ''))
        INTO done USING op;
    ELSE
      done := hub.change(op);
    END IF;
    IF done <> jsonb_array_length(op -> 'rows') THEN
      RAISE EXCEPTION '% of % rows of % are not there or not ours',
        jsonb_array_length(op -> 'rows') - done, jsonb_array_length(op -> 'rows'), op ->> 't'
        USING ERRCODE = 'BH001';
    END IF;
  END LOOP;
  RETURN 'ok';
END
$$;

-- ---- leases: who may write, and which shards are whose ------------------------------------------
-- Each is one statement; the caller's role becomes beheard_ops until its transaction ends. Only the
-- database's clock counts. Moves of shards go one at a time, under one advisory lock.

CREATE FUNCTION hub.lease_open(host text, at_endpoint text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  opened bigint;
BEGIN
  PERFORM set_config('role', 'beheard_ops', true);
  opened := nextval('hub.epoch');
  INSERT INTO hub."HostLease" ("hostId", epoch, endpoint, "expiresAt")
    VALUES (host, opened, at_endpoint, clock_timestamp() + interval '3 seconds');
  RETURN opened;
END
$$;

-- {"owners": [hostId or null, for shards 0-255], "hosts": [{hostId, epoch, endpoint, alive}]}
-- Hosts: those that own a shard, and those that are alive.
CREATE FUNCTION hub.routing() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', 'beheard_ops', true);
  RETURN jsonb_build_object(
    'owners', (SELECT jsonb_agg(s."hostId" ORDER BY s.shard) FROM hub."ShardOwner" s),
    'hosts', coalesce((SELECT jsonb_agg(jsonb_build_object('hostId', l."hostId",
          'epoch', l.epoch, 'endpoint', l.endpoint,
          'alive', NOT l.dead AND l."expiresAt" > clock_timestamp()) ORDER BY l.epoch)
        FROM hub."HostLease" l
        WHERE (NOT l.dead AND l."expiresAt" > clock_timestamp())
          OR EXISTS (SELECT FROM hub."ShardOwner" s WHERE s."hostId" = l."hostId")), '[]'));
END
$$;

-- Raises BH002 unless (host, epoch) stands.
CREATE FUNCTION hub.lease_stands(host text, of_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM hub."HostLease" l
      WHERE l."hostId" = host AND l.epoch = of_epoch AND NOT l.dead) THEN
    RAISE EXCEPTION 'the lease is lost' USING ERRCODE = 'BH002';
  END IF;
END
$$;

-- Takes shards for (host, epoch) and returns all taken. `shards` NULL means any. With `dead` that
-- host is marked dead first, whatever its expiry, and only its shards are taken; without, expired
-- hosts that own wanted shards are marked dead, and free shards and those of the dead are taken.
-- Marking dead updates the lease row and so waits for a flush under way; a flush that comes
-- later is fenced; an expired host whose flush moved its expiry meanwhile is left alone.
CREATE FUNCTION hub.lease_take(host text, of_epoch bigint, shards int[], dead_host text)
  RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
  taken int[];
BEGIN
  PERFORM set_config('role', 'beheard_ops', true);
  PERFORM pg_advisory_xact_lock(hashtextextended('beheard.shards', 0));
  PERFORM hub.lease_stands(host, of_epoch);
  UPDATE hub."HostLease" l SET dead = true
    WHERE NOT l.dead AND l."hostId" <> host AND CASE
      WHEN dead_host IS NOT NULL THEN l."hostId" = dead_host
      ELSE l."expiresAt" < clock_timestamp() END
    AND (dead_host IS NOT NULL OR EXISTS (SELECT FROM hub."ShardOwner" s
      WHERE s."hostId" = l."hostId" AND (shards IS NULL OR s.shard = ANY (shards))));
  WITH moved AS (
    UPDATE hub."ShardOwner" s SET "hostId" = host
      WHERE (shards IS NULL OR s.shard = ANY (shards)) AND CASE
        WHEN dead_host IS NOT NULL THEN s."hostId" = dead_host
        ELSE s."hostId" IS NULL OR EXISTS (SELECT FROM hub."HostLease" l
          WHERE l."hostId" = s."hostId" AND l.dead) END
      RETURNING s.shard)
  SELECT coalesce(array_agg(m.shard ORDER BY m.shard), '{}') INTO taken FROM moved m;
  RETURN taken;
END
$$;

-- The owner itself names the next one, after its last flush of these shards. Returns those given:
-- none when `receiver` is dead.
CREATE FUNCTION hub.lease_give(host text, of_epoch bigint, shards int[], receiver text)
  RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
  given int[];
BEGIN
  PERFORM set_config('role', 'beheard_ops', true);
  PERFORM pg_advisory_xact_lock(hashtextextended('beheard.shards', 0));
  PERFORM hub.lease_stands(host, of_epoch);
  WITH moved AS (
    UPDATE hub."ShardOwner" s SET "hostId" = receiver
      WHERE s.shard = ANY (shards) AND s."hostId" = host AND EXISTS (
        SELECT FROM hub."HostLease" l WHERE l."hostId" = receiver AND NOT l.dead)
      RETURNING s.shard)
  SELECT coalesce(array_agg(m.shard ORDER BY m.shard), '{}') INTO given FROM moved m;
  RETURN given;
END
$$;

-- After the last flush. A second call, or one after a takeover, changes nothing.
CREATE FUNCTION hub.lease_close(host text, of_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', 'beheard_ops', true);
  UPDATE hub."HostLease" l SET dead = true
    WHERE l."hostId" = host AND l.epoch = of_epoch AND NOT l.dead;
END
$$;

GRANT EXECUTE ON FUNCTION hub.flush(text, bigint, bigint, jsonb) TO beheard_writer, beheard_login;
GRANT EXECUTE ON FUNCTION hub.change(jsonb) TO beheard_writer;
GRANT EXECUTE ON FUNCTION hub.lease_stands(text, bigint) TO beheard_ops;
GRANT EXECUTE ON FUNCTION hub.lease_open(text, text), hub.routing(),
  hub.lease_take(text, bigint, int[], text), hub.lease_give(text, bigint, int[], text),
  hub.lease_close(text, bigint)
  TO beheard_ops, beheard_writer, beheard_login;

RESET ROLE;
