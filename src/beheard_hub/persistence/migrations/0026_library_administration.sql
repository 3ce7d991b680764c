-- Who may change the library, and who sees all of it (spec 3.5, 4.1, 5.3): administrators, by the
-- role in their own row of "User". A host says on whose behalf it writes; whether that is an
-- administrator the database looks up itself.
SET LOCAL ROLE beheard_owner;

-- Definer functions (docs/privacy.md):
--   hub.admin_writes()    one of those on whose behalf a flush writes is an administrator
--   hub.library_items()   admin: all items, with their contributors, which no column grant shows
CREATE FUNCTION hub.admin_writes() RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT FROM public."User" u
    WHERE u.id = ANY (hub.writers()) AND u.role = 'ADMIN');
END
$$;
REVOKE EXECUTE ON FUNCTION hub.admin_writes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.admin_writes() TO beheard_writer;

CREATE FUNCTION hub.library_items()
  RETURNS TABLE (id text, title text, description text, category text,
    source public."GlobalLibrarySource", "isActive" boolean, "contributedBy" text,
    "contributionConsent" text, "createdAt" timestamptz, "updatedAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 50 AS $$
BEGIN
  IF hub.is_role('admin') THEN
    RETURN QUERY SELECT l.id, l.title, l.description, l.category, l.source, l."isActive",
        l."contributedBy", l."contributionConsent", l."createdAt", l."updatedAt"
      FROM public."GlobalLibraryItem" l;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.library_items() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.library_items() TO beheard_app;

-- An item is never deleted by a flush: sessions may hold ideas that were made from it.
DO $$
DECLARE
  rules jsonb := hub.writable() || '{"GlobalLibraryItem": {"ops": "iu",
    "set": ["title", "description", "category", "isActive"]}}';
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', rules);
END
$$;
GRANT SELECT (id), INSERT (id, title, description, category, source, "isActive", embedding,
    "embeddingModel", "contributedBy", "contributionConsent", "createdAt"),
  UPDATE (title, description, category, "isActive")
  ON "GlobalLibraryItem" TO beheard_writer;
CREATE POLICY keys ON "GlobalLibraryItem" FOR SELECT TO beheard_writer USING (true);
CREATE POLICY fence_insert ON "GlobalLibraryItem" AS RESTRICTIVE FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.lease_holds()));
CREATE POLICY fence_update ON "GlobalLibraryItem" AS RESTRICTIVE FOR UPDATE TO beheard_writer
  USING ((select hub.lease_holds()));
CREATE POLICY write_insert ON "GlobalLibraryItem" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.admin_writes()));
CREATE POLICY write_update ON "GlobalLibraryItem" FOR UPDATE TO beheard_writer
  USING ((select hub.admin_writes()));
SELECT hub.make_puts();
SELECT hub.make_put();

RESET ROLE;
