-- Vectors of stored texts: who lacks one, the texts, and putting them there (spec 3.7, 4.2).

-- name: embeddings.lacking
-- Rows without a vector, as `beheard_ops`: the share of one of several workers.
-- args: share, shares, passed, limit
SELECT e.kind, e.id, e."userId", e."sessionId", e."embeddingModel" AS model
FROM hub."Embeddable" e
WHERE e."embeddingModel" IS NULL
  AND (hashtext(e.id) & 2147483647) % $2::int = $1::int
  AND NOT e.id = ANY ($3::text[])
LIMIT $4::int;

-- name: embeddings.page
-- A page of all rows of one kind, in the order of their ids, as `beheard_ops`; `other` tells those
-- whose vector is another model's, and `model` which one's.
-- args: kind, after, model, share, shares, limit
SELECT p.kind, p.id, p."userId", p."sessionId", p."embeddingModel" AS model,
       p."embeddingModel" NOT IN ('', $3)
           AND (hashtext(p.id) & 2147483647) % $5::int = $4::int AS other
FROM (SELECT * FROM hub."Embeddable" e
      WHERE e.kind = $1 AND e.id > $2
      ORDER BY e.id
      LIMIT $6::int) p
ORDER BY p.id;

-- name: embeddings.count
-- How many rows lack a vector of this model.
-- args: model
SELECT count(*)::int AS count FROM hub."Embeddable" e
WHERE e."embeddingModel" IS NULL OR e."embeddingModel" NOT IN ('', $1);

-- name: embeddings.texts
-- As nobody: the function reads as each owner's facilitator.
-- args: wanted
SELECT t.kind, t.id, t.version, t.text FROM hub.texts_to_embed($1::jsonb) t;

-- name: embeddings.store.{table}
-- Gives rows their vectors, unless they have changed since, or got one of somebody else, or somebody
-- is at them right now: then they are found again where they need to be. `found` has the models
-- that they had. An empty vector marks a row of which none can be made.
-- tables: Message, ConsentedContent, GlobalLibraryItem
-- args: model, ids, versions, found, vectors
WITH given AS (
    SELECT g.id, g.version, g.found, g.vector
    FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[])
        AS g (id, version, found, vector)
), free AS (
    SELECT t.id, g.vector
    FROM "{table}" t JOIN given g ON g.id = t.id AND g.version = t."updatedAt"
        AND g.found IS NOT DISTINCT FROM t."embeddingModel"
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE "{table}" t
SET embedding = nullif(f.vector, '')::vector,
    "embeddingModel" = CASE f.vector WHEN '' THEN '' ELSE $1 END
FROM free f WHERE t.id = f.id
RETURNING t.id;

-- name: embeddings.store.{table}
-- The same for tables that are searched by vessel: they hold the vector without its padding, too.
-- tables: UserEvent, EmotionalReading, IdentifiedNeed
-- args: model, ids, versions, found, vectors, short
WITH given AS (
    SELECT g.id, g.version, g.found, g.vector, g.short
    FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
        AS g (id, version, found, vector, short)
), free AS (
    SELECT t.id, g.vector, g.short
    FROM "{table}" t JOIN given g ON g.id = t.id AND g.version = t."updatedAt"
        AND g.found IS NOT DISTINCT FROM t."embeddingModel"
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE "{table}" t
SET embedding = nullif(f.vector, '')::vector,
    "embeddingShort" = f.short::vector,
    "embeddingModel" = CASE f.vector WHEN '' THEN '' ELSE $1 END
FROM free f WHERE t.id = f.id
RETURNING t.id;
