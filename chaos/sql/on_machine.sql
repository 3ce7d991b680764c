-- Shards of the hosts whose endpoint is like $1.
SELECT o.shard FROM hub."ShardOwner" o JOIN hub."HostLease" l USING ("hostId")
WHERE l.endpoint LIKE $1 AND NOT l.dead
