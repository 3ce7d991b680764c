-- Practices (spec 08): what comes along with the hub, and what a host calls.

-- name: practice.seedable
-- Whether the schema has practices.
SELECT to_regclass('practice."Scenario"') IS NOT NULL;

-- name: practice.seed_scenarios
-- Scenarios whose slug has never been there; as the owner.
-- args: scenarios
INSERT INTO practice."Scenario" (slug, name, description, "partnerPersona", "partnerSystemPrompt",
    "coachSystemPrompt")
SELECT g.slug, g.name, g.description, g."partnerPersona", g."partnerSystemPrompt",
       g."coachSystemPrompt"
FROM jsonb_to_recordset($1::jsonb) AS g (slug text, name text, description text,
    "partnerPersona" text, "partnerSystemPrompt" text, "coachSystemPrompt" text)
WHERE NOT EXISTS (SELECT FROM practice."Scenario" s WHERE s.slug = g.slug)
ORDER BY g.slug;

-- name: practice.seed_presets
-- All of them, where there is no preset at all; as the owner.
-- args: presets
INSERT INTO practice."QuotaPreset" (id, name, label, description, quota, "isDefault", "sortOrder")
SELECT g.id, g.name, g.label, g.description, g.quota, g."isDefault", g."sortOrder"
FROM jsonb_to_recordset($1::jsonb) AS g (id text, name text, label text, description text,
    quota jsonb, "isDefault" boolean, "sortOrder" int)
WHERE NOT EXISTS (SELECT FROM practice."QuotaPreset");

-- name: practice.load
-- Facts of the sessions $1 (text[]), with callers $2 (jsonb {sessionId: [userId]}); see
-- 0043_practice_load.sql.
-- args: ids, callers
SELECT "sessionId", facts, names, seqs, receipts FROM hub.load_practice($1, $2);

-- name: practice.reserve_numbers
-- The next numbers of a kind: nobody else gets one of them.
-- args: kind, how_many
SELECT hub.reserve_numbers($1, $2);
