-- What the hub asks itself at start, in a transaction that is rolled back (`self_proof.py`).

-- name: proof.messages
-- Which of these messages can be seen, with no condition but row-level security.
-- args: ids
SELECT m.id FROM "Message" m WHERE m.id = ANY ($1::text[]) ORDER BY m.id;

-- name: proof.strong_roles
-- Run-time roles that have a power which would make the walls void.
SELECT r.rolname::text AS role FROM pg_roles r
WHERE r.rolname IN ('beheard_app', 'beheard_writer', 'beheard_ops', 'beheard_login')
  AND (r.rolsuper OR r.rolbypassrls OR pg_has_role(r.oid, 'beheard_owner', 'MEMBER'));

-- name: proof.open_tables
-- Tables of ours on which row-level security is not forced.
SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles o ON o.oid = c.relowner
WHERE c.relkind IN ('r', 'p') AND o.rolname = 'beheard_owner'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity);

-- name: proof.writer_reads
-- Whether the write-behind role could read what people wrote.
SELECT has_column_privilege('beheard_writer', '"Message"', 'content', 'SELECT')
    OR has_column_privilege('beheard_ops', '"Message"', 'content', 'SELECT');
