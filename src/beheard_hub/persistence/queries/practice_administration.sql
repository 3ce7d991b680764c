-- What administrators set up for practices (spec 08); asked as an administrator.

-- name: practice.scenario_held
-- A version of a scenario with its texts, and what there is of its slug.
-- args: scenario_id
SELECT h.id, h.slug, h.version, h.name, h.description, h."partnerPersona",
       h."partnerSystemPrompt", h."coachSystemPrompt", h."partnerModel", h."coachModel",
       h."isActive", h.used, h.newest, h."activeId"
FROM hub.scenario_held($1::int) h;

-- name: by_id.practice_scenario
-- args: ids
SELECT s.id::text AS id, s.name, s.description, s.slug, s.version, s."partnerPersona",
       s."isActive"
FROM practice."Scenario" s WHERE s.id = ANY ($1::text[]::int[]);

-- name: practice.preset_held
-- Whether there is such a preset, and which one is the default.
-- args: preset_id
SELECT EXISTS (SELECT FROM practice."QuotaPreset" p WHERE p.id = $1::text) AS found,
       (SELECT p.id FROM practice."QuotaPreset" p WHERE p."isDefault") AS "defaultId";

-- name: by_id.practice_preset
-- args: ids
SELECT p.id, p.name, p.label, p.description, p.quota, p."isDefault", p."sortOrder"
FROM practice."QuotaPreset" p WHERE p.id = ANY ($1::text[]);

-- name: preset.list
-- All of them, in their order.
SELECT p.id, p.name, p.label, p.description, p.quota, p."isDefault", p."sortOrder"
FROM practice."QuotaPreset" p
ORDER BY p."sortOrder", p.name;
