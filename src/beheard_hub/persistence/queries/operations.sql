-- Work that spans users: keys, counts and times only, as `beheard_ops`; and the functions that a
-- host calls.

-- name: flush
-- One batch, one transaction: answers ok, already or fenced.
-- args: host, epoch, number, batch
SELECT hub.flush($1, $2, $3, $4);

-- name: lease.open
-- args: host, endpoint
SELECT hub.lease_open($1, $2);

-- name: lease.routing
SELECT hub.routing();

-- name: lease.take
-- args: host, epoch, shards, dead
SELECT hub.lease_take($1, $2, $3, $4);

-- name: lease.give
-- args: host, epoch, shards, receiver
SELECT hub.lease_give($1, $2, $3, $4);

-- name: lease.close
-- args: host, epoch
SELECT hub.lease_close($1, $2);

-- name: reminders.due
-- Unfired reminders of these shards that are due at a time, oldest first, from behind one on; until
-- `latest` those of kinds that wait for no time, which a host wrote whose clock is ahead.
-- args: shards, now, latest, at_once, after_at, after_id, limit
SELECT r.id, r.kind, r."dueAt", r."sessionId", r."userId", r.payload
FROM hub."Reminder" r
WHERE r.shard = ANY ($1::int[]) AND r."firedAt" IS NULL AND r."dueAt" <= $3::timestamptz
  AND (r."dueAt" <= $2::timestamptz OR r.kind = ANY ($4::text[]))
  AND ($5::timestamptz IS NULL OR (r."dueAt", r.id) > ($5, $6::text))
ORDER BY r."dueAt", r.id
LIMIT $7::int;

-- name: sessions.latest
-- The session in which somebody did something last; no row where nobody did.
SELECT r."sessionId" FROM hub."CommandReceipt" r
WHERE r."sessionId" <> ''
ORDER BY r.at DESC
LIMIT 1;

-- name: events.unnoticed
-- Events with these names of the last `seconds`, oldest first, of which their user was not notified
-- and which the user did not raise (an own command leaves a receipt of the same instant).
-- args: names, seconds, limit
SELECT e."sessionId", e."userId", e.seq, e.name, e.at
FROM hub."SessionEvent" e
WHERE e.at >= now() - make_interval(secs => $2::float8) AND e.name = ANY ($1::text[])
  AND NOT EXISTS (
    SELECT FROM hub."CommandReceipt" r
    WHERE r."sessionId" = e."sessionId" AND r."userId" = e."userId" AND r.at = e.at)
  AND NOT EXISTS (
    SELECT FROM hub."Notification" n
    WHERE n."userId" = e."userId" AND n."sessionId" = e."sessionId" AND n.type = e.name
      AND n."createdAt" = e.at)
ORDER BY e.at, e."sessionId", e.seq
LIMIT $3::int;

-- name: expire.receipts
-- Drops receipts from before a time, the oldest first, `limit` at most; answers how many.
-- args: before, limit
WITH old AS (
    SELECT r."sessionId", r."userId", r."commandId" FROM hub."CommandReceipt" r
    WHERE r.at < $1::timestamptz
    ORDER BY r.at
    LIMIT $2::int
), gone AS (
    DELETE FROM hub."CommandReceipt" r USING old o
    WHERE r."sessionId" = o."sessionId" AND r."userId" = o."userId"
      AND r."commandId" = o."commandId"
    RETURNING 1
)
SELECT count(*)::int AS gone FROM gone;

-- name: expire.usage
-- Drops what model calls cost from before a time, the oldest first, `limit` at most; answers how
-- many.
-- args: before, limit
WITH old AS (
    SELECT u.id FROM hub."AiUsage" u
    WHERE u.at < $1::timestamptz
    ORDER BY u.at
    LIMIT $2::int
), gone AS (
    DELETE FROM hub."AiUsage" u USING old o WHERE u.id = o.id
    RETURNING 1
)
SELECT count(*)::int AS gone FROM gone;

-- name: expire.reminders
-- Drops reminders that ran before a time, the oldest first, `limit` at most; answers how many.
-- args: before, limit
WITH old AS (
    SELECT r.id FROM hub."Reminder" r
    WHERE r."firedAt" < $1::timestamptz
    ORDER BY r."firedAt"
    LIMIT $2::int
), gone AS (
    DELETE FROM hub."Reminder" r USING old o WHERE r.id = o.id
    RETURNING 1
)
SELECT count(*)::int AS gone FROM gone;

-- name: expire.leases
-- Drops leases that ended before a time and own no shard, the oldest first, `limit` at most; answers
-- how many. A host that wakes up without its lease is fenced like one whose lease is dead.
-- args: before, limit
WITH old AS (
    SELECT l."hostId" FROM hub."HostLease" l
    WHERE l."expiresAt" < $1::timestamptz
      AND NOT EXISTS (SELECT FROM hub."ShardOwner" s WHERE s."hostId" = l."hostId")
    ORDER BY l."expiresAt"
    LIMIT $2::int
), gone AS (
    DELETE FROM hub."HostLease" l USING old o WHERE l."hostId" = o."hostId"
    RETURNING 1
)
SELECT count(*)::int AS gone FROM gone;

-- name: usage.tokens
-- What one user's calls cost since a time, or with NULL everybody's; index-only.
-- args: user_id, since
SELECT coalesce(sum(u.input::bigint + u.output + u.cached), 0)::bigint AS tokens
FROM hub."AiUsage" u
WHERE ($1::text IS NULL OR u."userId" = $1) AND u.at >= $2::timestamptz;

-- name: usage.by_day
-- Sums for operators, by UTC day, call and model, the newest day first.
-- args: since
SELECT (u.at AT TIME ZONE 'UTC')::date AS day, u.call, u.model, count(*)::int AS calls,
       count(DISTINCT u."userId")::int AS users, sum(u.input)::bigint AS input,
       sum(u.output)::bigint AS output, sum(u.cached)::bigint AS cached
FROM hub."AiUsage" u
WHERE u.at >= $1::timestamptz
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 2, 3;

-- name: expire.events
-- Of the next `seats` (a user in a session) after the one given: drops events from before a time or
-- beyond the newest `kept` of their seat, `limit` at most. The newest one always stays: from it the
-- next seq is counted. Answers how many went, and the last seat looked at (NULL: none is left).
-- A seat whose oldest event may stay costs two look-ups, however long its log is.
-- args: before, kept, after_session, after_user, seats, limit
WITH RECURSIVE seat AS (
    (SELECT e."sessionId", e."userId" FROM hub."SessionEvent" e
     WHERE (e."sessionId", e."userId") > ($3::text, $4::text)
     ORDER BY e."sessionId", e."userId" LIMIT 1)
    UNION ALL
    SELECT n."sessionId", n."userId" FROM seat s CROSS JOIN LATERAL (
        SELECT e."sessionId", e."userId" FROM hub."SessionEvent" e
        WHERE (e."sessionId", e."userId") > (s."sessionId", s."userId")
        ORDER BY e."sessionId", e."userId" LIMIT 1) n
), looked AS MATERIALIZED (
    SELECT s."sessionId", s."userId" FROM seat s LIMIT $5::int
), old AS (
    SELECT l."sessionId", l."userId", e.seq
    FROM looked l
    CROSS JOIN LATERAL (
        SELECT max(x.seq) AS seq FROM hub."SessionEvent" x
        WHERE x."sessionId" = l."sessionId" AND x."userId" = l."userId") newest
    CROSS JOIN LATERAL (
        SELECT x.seq, x.at FROM hub."SessionEvent" x
        WHERE x."sessionId" = l."sessionId" AND x."userId" = l."userId"
        ORDER BY x.seq LIMIT 1) oldest
    JOIN LATERAL (
        SELECT x.seq FROM hub."SessionEvent" x
        WHERE x."sessionId" = l."sessionId" AND x."userId" = l."userId" AND x.seq < newest.seq
          AND (x.at < $1::timestamptz OR x.seq <= newest.seq - $2::bigint)
        ORDER BY x.seq) e
      ON oldest.at < $1::timestamptz OR oldest.seq <= newest.seq - $2::bigint
    LIMIT $6::int
), gone AS (
    DELETE FROM hub."SessionEvent" e USING old o
    WHERE e."sessionId" = o."sessionId" AND e."userId" = o."userId" AND e.seq = o.seq
    RETURNING 1
)
SELECT (SELECT count(*)::int FROM gone) AS gone, last."sessionId", last."userId"
FROM (SELECT 1) one
LEFT JOIN (SELECT l."sessionId", l."userId" FROM looked l
           ORDER BY l."sessionId" DESC, l."userId" DESC LIMIT 1) last ON true;

-- name: invitation.session
-- Which session an invitation belongs to; asked before an actor is known.
-- args: invitation_id
SELECT hub.find_invitation($1);

-- name: invitation.preview
-- What anybody who holds the id may see. That it has expired shows at once, whoever notes it when.
-- args: invitation_id
SELECT p."inviterName",
       CASE WHEN p.status = 'PENDING' AND p."expiresAt" <= now() THEN 'EXPIRED' ELSE p.status END
           AS status,
       p."createdAt", p."expiresAt"
FROM hub.invitation_preview($1) p;

-- name: user.log_in
-- The user of an external identity, made on first sight; an administrator by a verified e-mail.
-- args: provider, subject, name, email, admin_emails
SELECT p."userId", p.role, p.name FROM hub.log_in($1, $2, $3, $4, $5) p;

-- name: user.link
-- Links an identity that the actor proved, or merges a guest with the user whose it is.
-- args: provider, subject, email
SELECT l.outcome, l."userId" FROM hub.link_identity($1, $2, $3) l;

-- name: user.became
-- Whom the actor was merged with as a guest.
SELECT b."userId", b.sessions FROM hub.became() b;

-- name: user.became_of
-- Who of these users was merged as a guest, and with whom.
-- args: user_ids
SELECT b."guestId", b."userId", b.sessions FROM hub.became_of($1) b;

-- name: user.unlink
-- Takes an identity of the actor's away.
-- args: identity_id
SELECT hub.unlink_identity($1);

-- name: user.give_role
-- An administrator's wish.
-- args: user_id, role
SELECT g.outcome FROM hub.give_role($1, $2::text::"Role") g;

-- name: user.recognise
-- The user of a token of the hub itself, if it was used since then; this use counts.
-- args: user_id, used_after
SELECT r."userId", r.role, r.name FROM hub.recognise($1, $2) r;

-- name: census.sessions
SELECT s.status::text AS status, count(*)::int AS found FROM "Session" s GROUP BY s.status;

-- name: census.stages
-- Where the people of open sessions are: each in the highest stage begun.
SELECT stage, status, count(*)::int AS found
FROM (
    SELECT DISTINCT ON (p."sessionId", p."userId") p.stage, p.status::text AS status
    FROM "StageProgress" p JOIN "Session" s ON s.id = p."sessionId"
    WHERE s.status IN ('ACTIVE', 'PAUSED')
    ORDER BY p."sessionId", p."userId", p.stage DESC
) AS newest
GROUP BY stage, status;

-- name: census.waiting
-- What was due five seconds ago: timers, which wait for nobody, and those kinds of reminders that wait
-- for what is outside, or run as long as it takes; and texts without a vector.
-- args: outside
SELECT
  count(*) FILTER (WHERE r.kind <> ALL ($1::text[]))::int AS timers,
  count(*) FILTER (WHERE r.kind = ANY ($1::text[]))::int AS outside,
  (SELECT count(*)::int FROM hub."Embeddable" e WHERE e."embeddingModel" IS NULL) AS texts
FROM hub."Reminder" r
WHERE r.shard >= 0  -- all: the index of what is due is by shard
  AND r."firedAt" IS NULL AND r."dueAt" < now() - interval '5 seconds';
