-- Leaving (spec 4.5).

-- name: seats.left
-- Sessions in which the reader still has a seat, or is still awaited in one.
-- args: user_id
SELECT v."sessionId" FROM "UserVessel" v WHERE v."userId" = $1 AND v."erasedAt" IS NULL
UNION
SELECT o."sessionId" FROM hub.open_sessions() o
WHERE NOT EXISTS (SELECT FROM "UserVessel" v
    WHERE v."userId" = $1 AND v."sessionId" = o."sessionId");

-- name: erasure.unclean
-- Users whose erasure has ended, but may still be read in the files of the database; as the owner.
SELECT e."userId" FROM hub."Erasure" e
WHERE e."finishedAt" IS NOT NULL AND e."cleanedAt" IS NULL;

-- name: erasure.tables
-- Tables of which an erasure takes rows or texts, by their policies, directly or by a foreign key,
-- and the statement that writes each anew; as the owner.
SELECT c.oid::regclass::text AS name,
       format('VACUUM (FULL, ANALYZE) %s', c.oid::regclass) AS rewrite
FROM pg_class c
WHERE EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'erase')
ORDER BY 1;

-- name: erasure.forget_values
-- What the planner has noted of the values in a table is copied from its rows; as the owner.
-- args: table
SELECT pg_clear_attribute_stats(s.schemaname::text, s.tablename::text, s.attname::text, s.inherited)
FROM pg_stats s WHERE format('%I.%I', s.schemaname, s.tablename)::regclass = $1::text::regclass;

-- name: erasure.cleaned
-- args: users
UPDATE hub."Erasure" SET "cleanedAt" = now() WHERE "userId" = ANY ($1::text[]);

-- name: erasure.patience
-- args: milliseconds
SELECT set_config('lock_timeout', $1, false);

-- name: erasure.until_now
-- A transaction that is younger than all that was committed until now; as the owner.
SELECT pg_current_xact_id()::text AS xid;

-- name: erasure.older_readers
-- How many in this database may still see rows that were gone before that transaction; as the owner.
-- args: xid
SELECT count(*)::int AS count FROM pg_stat_activity a
WHERE a.datname = current_database()
  AND greatest(age(a.backend_xid), age(a.backend_xmin)) > age($1::text::xid8::xid);

-- name: erasure.rewrite_notes
-- The planner's own table, for what it had noted before.
VACUUM (FULL, ANALYZE) pg_catalog.pg_statistic;

-- name: erasure.checkpoint
CHECKPOINT;
