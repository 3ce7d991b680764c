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
-- Unfired reminders of these shards, oldest first, by the database's clock.
-- args: shards, limit
SELECT r.id, r.kind, r."dueAt", r."sessionId", r."userId", r.payload
FROM hub."Reminder" r
WHERE r.shard = ANY ($1::int[]) AND r."firedAt" IS NULL AND r."dueAt" <= now()
ORDER BY r."dueAt", r.id
LIMIT $2::int;

-- name: expire.receipts
-- Drops receipts older than `age`; answers how many.
-- args: age
WITH gone AS (DELETE FROM hub."CommandReceipt" WHERE at < now() - $1::interval RETURNING 1)
SELECT count(*)::int FROM gone;

-- name: expire.events
-- Drops events older than `age` or beyond the newest `kept` of their user and session. The newest
-- one always stays: from it the next seq is counted.
-- args: age, kept
WITH newest AS (
    SELECT "sessionId", "userId", max(seq) AS seq FROM hub."SessionEvent" GROUP BY 1, 2
), gone AS (
    DELETE FROM hub."SessionEvent" e USING newest n
    WHERE e."sessionId" = n."sessionId" AND e."userId" = n."userId" AND e.seq < n.seq
      AND (e.at < now() - $1::interval OR e.seq <= n.seq - $2::bigint)
    RETURNING 1
)
SELECT count(*)::int FROM gone;

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

-- name: user.provision
-- The user of an external identity, made on first sight.
-- args: provider, subject, name, email
SELECT p."userId", p.role, p.name FROM hub.provision_user($1, $2, $3, $4) p;
