-- Users u0, u1, ... each with a session of their own (s<n>), a vessel (v<n>) and a thread.
INSERT INTO "User" (id) SELECT 'u' || n FROM generate_series(0, {vessels} - 1) n;
INSERT INTO "Relationship" (id) SELECT 'r' || n FROM generate_series(0, {vessels} - 1) n;
INSERT INTO "RelationshipMember" (id, "relationshipId", "userId")
  SELECT 'm' || n, 'r' || n, 'u' || n FROM generate_series(0, {vessels} - 1) n;
INSERT INTO "Session" (id, "relationshipId", "createdById")
  SELECT 's' || n, 'r' || n, 'u' || n FROM generate_series(0, {vessels} - 1) n;
INSERT INTO "UserVessel" (id, "userId", "sessionId")
  SELECT 'v' || n, 'u' || n, 's' || n FROM generate_series(0, {vessels} - 1) n;
INSERT INTO "Message" (id, "sessionId", "forUserId", "senderId", role, content, stage, timestamp)
  SELECT 'm' || n || '-' || k, 's' || n, 'u' || n, 'u' || n, 'USER',
    repeat('words of some length ', 8), 1, now() + k * interval '1 second'
  FROM generate_series(1, {messages}) k, generate_series(0, {vessels} - 1) n;
