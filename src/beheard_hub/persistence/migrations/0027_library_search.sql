-- The library's search (spec 3.7): the one approximate index, asked so that no filter costs hits.
--
-- A plain scan of an HNSW index takes the nearest 40 rows and filters them afterwards: were those of
-- another model, removed, or kept back for the pool, nothing would be left. An iterative scan goes on
-- until enough are found. Read with the caller's rights: row-level security is one of the filters.
SET LOCAL ROLE beheard_owner;

-- The nearest active items to `near`, a vector of model `of_model`; the first `reserved` in the
-- order of `seed` are kept back.
CREATE FUNCTION hub.nearest_items(near vector, of_model text, seed text, reserved int, lim int)
  RETURNS TABLE (id text, similarity double precision)
  STABLE LANGUAGE plpgsql ROWS 12
  SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 100 AS $$
BEGIN
  RETURN QUERY
    SELECT l.id, 1 - (l.embedding <=> near) FROM public."GlobalLibraryItem" l
    WHERE l."isActive" AND l."embeddingModel" = of_model AND l.embedding IS NOT NULL
      AND l.id <> ALL (ARRAY(SELECT r.id FROM public."GlobalLibraryItem" r WHERE r."isActive"
        ORDER BY md5(r.id || seed) LIMIT coalesce(reserved, 0)))
    ORDER BY l.embedding <=> near
    LIMIT lim;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.nearest_items(vector, text, text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.nearest_items(vector, text, text, int, int) TO beheard_app;

RESET ROLE;
