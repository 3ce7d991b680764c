-- Shards of the host that listens on one of these paths.
SELECT o.shard FROM hub."ShardOwner" o JOIN hub."HostLease" l USING ("hostId")
WHERE EXISTS (SELECT FROM unnest($1::text[]) AS path WHERE l.endpoint LIKE '%' || path)
