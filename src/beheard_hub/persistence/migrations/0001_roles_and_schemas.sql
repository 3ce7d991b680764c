-- Roles, schemas and the vector extension (spec 4.2, 3.7).
--
-- Runs as a superuser (embedded server) or as a database owner with CREATEROLE; a non-superuser
-- needs the extension `vector` to be there already, or to be trusted. Roles belong to the whole
-- server, so each is made only if it is missing. The password of `beheard_login` is set by the
-- migration runner and never stands in SQL.
--
--   beheard_owner   owns everything; used by nothing at run time
--   beheard_app     reads, as somebody (app.actor_id ...)
--   beheard_writer  the write-behind path; sees key columns only
--   beheard_ops     counts, leases, expiry; sees no content
--   beheard_login   logs in, has nothing of its own, takes one of the three with SET LOCAL ROLE

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY
    ARRAY['beheard_owner', 'beheard_app', 'beheard_writer', 'beheard_ops']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'beheard_login') THEN
    CREATE ROLE beheard_login LOGIN NOINHERIT;
  END IF;
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'beheard_owner', 'SET') THEN
    EXECUTE format('GRANT beheard_owner TO %I WITH INHERIT TRUE, SET TRUE', current_user);
  END IF;
  EXECUTE format('GRANT CREATE ON DATABASE %I TO beheard_owner', current_database());
END
$$;

GRANT beheard_app, beheard_writer, beheard_ops TO beheard_login WITH INHERIT FALSE, SET TRUE;

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO beheard_owner;
GRANT USAGE ON SCHEMA public TO beheard_app, beheard_writer, beheard_ops;

SET LOCAL ROLE beheard_owner;

CREATE SCHEMA hub;
GRANT USAGE ON SCHEMA hub TO beheard_app, beheard_writer, beheard_ops, beheard_login;

-- Functions are for those who are named, never for everybody.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

RESET ROLE;
