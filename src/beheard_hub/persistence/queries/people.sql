-- Identities and contacts of oneself, and users as administrators see them.

-- name: identity.list
-- The first one is the oldest.
-- args: user_id
SELECT e.id, e.provider, e.email, e."createdAt" FROM "ExternalIdentity" e
WHERE e."userId" = $1 ORDER BY e."createdAt", e.id;

-- name: by_id.identity
-- args: ids, user_id
SELECT e.id, e.provider, e.email, e."createdAt" FROM "ExternalIdentity" e
WHERE e.id = ANY ($1::text[]) AND e."userId" = $2;

-- name: contact.list
-- The first one of each type before its others.
-- args: user_id
SELECT c.id, c.type, c.value, c.verified, c."primary", c."createdAt" FROM "ContactMethod" c
WHERE c."userId" = $1 ORDER BY c.type, c."primary" DESC, c."createdAt", c.id;

-- name: by_id.contact
-- args: ids, user_id
SELECT c.id, c.type, c.value, c.verified, c."primary", c."createdAt" FROM "ContactMethod" c
WHERE c.id = ANY ($1::text[]) AND c."userId" = $2;

-- name: user.list
-- Newest first, without those who have left; `role` and `text` NULL = all. `text` is a part of a name
-- or an e-mail, whatever the case.
-- args: before_at, before_id, role, text, limit
SELECT u.id, u.name, u.email, u.role, u."createdAt", u."lastLoginAt"
FROM "User" u
WHERE (SELECT hub.is_role('admin')) AND NOT hub.has_left(u.id)
  AND ($1::timestamptz IS NULL OR (u."createdAt", u.id) < ($1, $2::text))
  AND ($3::text IS NULL OR u.role = $3::text::"Role")
  AND ($4::text IS NULL OR strpos(lower(u.name), lower($4)) > 0
    OR strpos(lower(u.email), lower($4)) > 0)
ORDER BY u."createdAt" DESC, u.id DESC
LIMIT $5::int;

-- name: by_id.person
-- args: ids
SELECT u.id, u.name, u.email, u.role, u."createdAt", u."lastLoginAt"
FROM "User" u
WHERE u.id = ANY ($1::text[]) AND (SELECT hub.is_role('admin')) AND NOT hub.has_left(u.id);
