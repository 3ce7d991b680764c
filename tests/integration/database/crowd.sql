-- 2,000 sessions of one user each: enough that a scan would be worth the planner's while.
INSERT INTO "User" (id) SELECT 'u' || n FROM generate_series(1, 2000) n;
INSERT INTO "Relationship" (id) SELECT 'r' || n FROM generate_series(1, 2000) n;
INSERT INTO "Session" (id, "relationshipId", "createdById")
  SELECT 's' || n, 'r' || n, 'u' || n FROM generate_series(1, 2000) n;
INSERT INTO "SharedVessel" (id, "sessionId") SELECT 's' || n, 's' || n FROM generate_series(1, 2000) n;
INSERT INTO "UserVessel" (id, "userId", "sessionId")
  SELECT 'u' || n, 'u' || n, 's' || n FROM generate_series(1, 2000) n;
INSERT INTO "Message" (id, "sessionId", "forUserId", role, content, stage)
  SELECT n || '-' || k, 's' || n, 'u' || n, 'AI', 'x', 1
  FROM generate_series(1, 2000) n, generate_series(1, 5) k;
INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo")
  SELECT n || '-' || k, 'u' || n, 'x', 'SELF'
  FROM generate_series(1, 2000) n, generate_series(1, 5) k;
INSERT INTO "StageProgress" (id, "sessionId", "userId", stage)
  SELECT 'u' || n, 's' || n, 'u' || n, 0 FROM generate_series(1, 2000) n;
INSERT INTO "ConsentRecord" (id, "userId", "sessionId", "contentType", decision, "contentDescription")
  SELECT 'u' || n, 'u' || n, 's' || n, 'EVENT_SUMMARY', 'GRANTED', 'x'
  FROM generate_series(1, 2000) n;
INSERT INTO "ConsentedContent" (id, "sharedVesselId", "sourceUserId", "transformedContent",
    "consentRecordId")
  SELECT n || '-' || k, 's' || n, 'u' || n, 'x', 'u' || n
  FROM generate_series(1, 2000) n, generate_series(1, 3) k;
