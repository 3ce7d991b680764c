-- Telemetry (spec 08), added up where it is; as an administrator. An argument that is NULL asks
-- nothing.

-- name: telemetry.summary
-- What happened in a span, of the most frequent names at most a hundred.
-- args: since, until, name, about_user
WITH seen AS (
  SELECT t.name, t."userId", t."sessionId", t.properties FROM practice."TelemetryEvent" t
  WHERE t."createdAt" >= $1 AND t."createdAt" < $2
    AND ($3::text IS NULL OR t.name = $3) AND ($4::text IS NULL OR t."userId" = $4)
), names AS (
  SELECT s.name, count(*)::int AS count FROM seen s GROUP BY s.name
  ORDER BY count(*) DESC, s.name LIMIT 100
)
SELECT count(*)::int AS total, count(DISTINCT s."userId")::int AS users,
       count(DISTINCT s."sessionId")::int AS sessions,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'count', n.count)
          ORDER BY n.count DESC, n.name), '[]') FROM names n) AS names,
       count(*) FILTER (WHERE s.name = 'conversation_started')::int AS started,
       count(*) FILTER (WHERE s.name = 'conversation_ended')::int AS ended,
       round(avg((s.properties ->> 'durationMs')::numeric)
         FILTER (WHERE s.name = 'conversation_ended'))::bigint AS "averageDurationMs",
       coalesce(sum((s.properties ->> 'inputTokens')::bigint)
         FILTER (WHERE s.name = 'stream_completed'), 0)::bigint AS "inputTokens",
       coalesce(sum((s.properties ->> 'outputTokens')::bigint)
         FILTER (WHERE s.name = 'stream_completed'), 0)::bigint AS "outputTokens"
FROM seen s;

-- name: telemetry.events
-- One by one, the newest first.
-- args: since, until, name, about_user, before_at, before_id, limit
SELECT t.id, t.name, t.properties, t."userId", t."sessionId", t."createdAt"
FROM practice."TelemetryEvent" t
WHERE ($1::timestamptz IS NULL OR t."createdAt" >= $1)
  AND ($2::timestamptz IS NULL OR t."createdAt" < $2)
  AND ($3::text IS NULL OR t.name = $3) AND ($4::text IS NULL OR t."userId" = $4)
  AND ($5::timestamptz IS NULL OR (t."createdAt", t.id) < ($5, $6::text))
ORDER BY t."createdAt" DESC, t.id DESC
LIMIT $7::int;

-- name: telemetry.series
-- How much on each day of the span, in UTC; a day on which nothing happened has a zero.
-- args: since, until, name, about_user
SELECT to_char(d.day, 'YYYY-MM-DD') AS date, coalesce(c.count, 0)::int AS count
FROM generate_series(date_trunc('day', $1::timestamptz AT TIME ZONE 'UTC'),
    $2::timestamptz AT TIME ZONE 'UTC' - interval '1 microsecond', interval '1 day') AS d (day)
LEFT JOIN (
  SELECT date_trunc('day', t."createdAt" AT TIME ZONE 'UTC') AS day, count(*) AS count
  FROM practice."TelemetryEvent" t
  WHERE t."createdAt" >= $1 AND t."createdAt" < $2
    AND ($3::text IS NULL OR t.name = $3) AND ($4::text IS NULL OR t."userId" = $4)
  GROUP BY 1
) c ON c.day = d.day
ORDER BY d.day;

-- name: telemetry.top_scenarios
-- In which scenarios most happened, by default: most conversations began. All versions of a scenario
-- are one; it has the name of the newest.
-- args: since, until, name, about_user, limit
SELECT s.slug, (array_agg(s.name ORDER BY s.version DESC))[1] AS name, sum(c.count)::int AS count
FROM (
  SELECT x."scenarioId", count(*) AS count
  FROM practice."TelemetryEvent" t
  JOIN practice."ConversationSession" x ON x.id = t."sessionId"
  WHERE t."createdAt" >= $1 AND t."createdAt" < $2
    AND t.name = coalesce($3::text, 'conversation_started')
    AND ($4::text IS NULL OR t."userId" = $4)
  GROUP BY x."scenarioId"
) c
JOIN practice."Scenario" s ON s.id = c."scenarioId"
GROUP BY s.slug
ORDER BY sum(c.count) DESC, s.slug
LIMIT $5::int;
