-- Many people who practise, so that a scan would be worth the planner's while. One invitation in ten
-- is of staff, the others are of the administrator; each session has ten messages.
INSERT INTO "User" (id) SELECT 'p' || n FROM generate_series(1, 3000) n;
INSERT INTO practice."Invitation" (id, token, quota, "expiresAt", "claimedAt", "linkedUserId",
    "createdById")
  SELECT 'p' || n, encode(sha256(('p' || n)::bytea), 'hex'), '{"tokens": 1}',
    now() + interval '1 day', now(), 'p' || n, CASE n % 10 WHEN 0 THEN 'staff' ELSE 'admin' END
  FROM generate_series(1, 3000) n;
INSERT INTO practice."ConversationSession" (id, "userId", "invitationId", "scenarioId")
  SELECT 1000 + n, 'p' || n, 'p' || n, 9001 FROM generate_series(1, 3000) n;
INSERT INTO practice."Message" (id, "sessionId", role, content, timestamp)
  SELECT 10000 + 10 * n + m, 1000 + n, 'user', 'x', now() + m * interval '1 second'
  FROM generate_series(1, 3000) n CROSS JOIN generate_series(1, 10) m;
INSERT INTO practice."UsageLog" (id, "userId", "invitationId", "sessionId", model, "streamType",
    "inputTokens", "outputTokens")
  SELECT 'p' || n, 'p' || n, 'p' || n, 1000 + n, 'x', 'partner', 1, 1
  FROM generate_series(1, 3000) n;
INSERT INTO practice."ObservationNote" (id, "invitationId", "sessionId", "researcherId", content)
  SELECT 'p' || n, 'p' || n, 1000 + n, 'admin', 'x' FROM generate_series(1, 3000) n;
ANALYZE;
