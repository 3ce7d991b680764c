-- The library as its administrators see it; to anybody else these answer nothing.

-- name: library.list
-- Newest first, removed ones too.
-- args: before_at, before_id, limit
SELECT l.id, l.title, l.description, l.category, l.source, l."isActive", l."contributedBy",
       l."contributionConsent", l."createdAt", l."updatedAt"
FROM hub.library_items() l
WHERE $1::timestamptz IS NULL OR (l."createdAt", l.id) < ($1, $2::text)
ORDER BY l."createdAt" DESC, l.id DESC
LIMIT $3::int;

-- name: by_id.library_item
-- args: ids
SELECT l.id, l.title, l.description, l.category, l.source, l."isActive", l."contributedBy",
       l."contributionConsent", l."createdAt", l."updatedAt"
FROM hub.library_items() l WHERE l.id = ANY ($1::text[]);

-- name: library.contributor
-- Who gave an item: their name, so that the item's words can be kept free of it.
-- args: ids
SELECT u.id, u.name FROM "User" u
WHERE u.id = ANY ($1::text[]) AND (SELECT hub.is_role('admin'));
