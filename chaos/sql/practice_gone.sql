-- Which of these users have no row.
SELECT t.id FROM unnest($1::text[]) AS t(id) WHERE NOT EXISTS (SELECT FROM "User" u WHERE u.id = t.id)
