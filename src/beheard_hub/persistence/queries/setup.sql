-- Questions about the server and the schema, asked as the owner before anything is served.

-- name: server_facts
-- What decides whether the hub can live here: standby, rights, pgvector.
SELECT pg_is_in_recovery() AS standby,
       r.rolsuper AS superuser,
       r.rolcreaterole AS createrole,
       has_database_privilege(current_database(), 'CREATE') AS creates,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_installed,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')
           AS vector_available,
       (SELECT trusted FROM pg_available_extension_versions
        WHERE name = 'vector' ORDER BY version DESC LIMIT 1) AS vector_trusted
FROM pg_roles r
WHERE r.rolname = current_user;

-- name: migration_lock
-- Held until the migrating transaction ends; the number is "beheard" in ASCII.
SELECT pg_advisory_xact_lock(27699943420653156);

-- name: migration_create
-- Where the applied migrations are written down; made after the first one has made the schema.
SET LOCAL ROLE beheard_owner;
CREATE TABLE hub."Migration" (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    "appliedAt" timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE hub."Migration" ENABLE ROW LEVEL SECURITY;
ALTER TABLE hub."Migration" FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON hub."Migration" TO beheard_owner USING (true) WITH CHECK (true);
RESET ROLE;

-- name: migration_table
-- Whether there is a schema of ours at all.
SELECT to_regclass('hub."Migration"') IS NOT NULL;

-- name: migration_list
-- What has been applied.
SELECT number, name, sha256 FROM hub."Migration" ORDER BY number;

-- name: migration_record
-- args: number, name, sha256
INSERT INTO hub."Migration" (number, name, sha256) VALUES ($1, $2, $3);

-- name: login_statement
-- The statement that sets the login role's secret; $1 is a verifier, never the secret itself.
-- args: verifier
SELECT format('ALTER ROLE beheard_login LOGIN NOINHERIT PASSWORD %L', $1::text);

-- name: server_settings
-- args: names
SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[]);

-- name: as_owner
-- For the rest of the transaction: the library belongs to beheard_owner, whoever connects.
SET LOCAL ROLE beheard_owner;

-- name: library.unembedded
-- Items that have no vector of this model, locked, so that two starts at once do not both work.
-- args: model
SELECT l.id, CASE l.source WHEN 'CONTRIBUTED' THEN l.description
    ELSE format('%s. %s (%s)', l.title, l.description, l.category) END AS text
FROM public."GlobalLibraryItem" l
WHERE l."embeddingModel" IS DISTINCT FROM $1 OR l.embedding IS NULL
ORDER BY l.id
FOR UPDATE;

-- name: library.embed
-- args: id, vector, model
UPDATE public."GlobalLibraryItem" SET embedding = $2::text::vector, "embeddingModel" = $3
WHERE id = $1;

-- name: role.change
-- As beheard_owner: answers what came of it, whom it was about, and the role before.
-- args: who, role
SELECT outcome, "userId", before::text FROM hub.change_role($1::text, $2::text::public."Role");
