-- A crowd around two people: 2,000 sessions of two, 25 rows of each sort for each of the first
-- 1,000 people, so that a scan of any of these tables would be the planner's choice were there no
-- index that a policy can use. One of them, u1, sits with u2 in session s1.
INSERT INTO "User" (id, name) SELECT 'u' || n, 'x' FROM generate_series(1, 4000) n;
INSERT INTO "Relationship" (id) SELECT 'r' || n FROM generate_series(1, 2000) n;
INSERT INTO "RelationshipMember" (id, "relationshipId", "userId", "partnerId")
  SELECT 'm' || n, 'r' || (n + 1) / 2, 'u' || n, 'u' || CASE n % 2 WHEN 1 THEN n + 1 ELSE n - 1 END
  FROM generate_series(1, 4000) n;
INSERT INTO "Session" (id, "relationshipId", "createdById", status)
  SELECT 's' || n, 'r' || n, 'u' || (2 * n - 1), 'ACTIVE' FROM generate_series(1, 2000) n;
INSERT INTO "SharedVessel" (id, "sessionId")
  SELECT 's' || n, 's' || n FROM generate_series(1, 2000) n;
INSERT INTO "UserVessel" (id, "userId", "sessionId")
  SELECT 'u' || n, 'u' || n, 's' || (n + 1) / 2 FROM generate_series(1, 4000) n;
INSERT INTO "StageProgress" (id, "sessionId", "userId", stage)
  SELECT 'u' || n || '-' || k, 's' || (n + 1) / 2, 'u' || n, k
  FROM generate_series(1, 4000) n, generate_series(0, 4) k;
INSERT INTO "Message" (id, "sessionId", "forUserId", role, content, stage)
  SELECT n || '-' || k, 's' || (n + 1) / 2, 'u' || n, 'AI', 'x', 1
  FROM generate_series(1, 2000) n, generate_series(1, 25) k;
INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo")
  SELECT n || '-' || k, 'u' || n, 'x', 'SELF'
  FROM generate_series(1, 2000) n, generate_series(1, 25) k;
INSERT INTO "EmotionalReading" (id, "vesselId", intensity, stage)
  SELECT n || '-' || k, 'u' || n, 5, 1 FROM generate_series(1, 2000) n, generate_series(1, 25) k;
INSERT INTO "IdentifiedNeed" (id, "vesselId", need, category, description, evidence, source)
  SELECT n || '-' || k, 'u' || n, 'x' || k, 'SAFETY', 'x', ARRAY['x'], 'SYNTHESISED'
  FROM generate_series(1, 4000) n, generate_series(1, 3) k;
INSERT INTO "Boundary" (id, "vesselId", description)
  SELECT n || '-' || k, 'u' || n, 'x' FROM generate_series(1, 4000) n, generate_series(1, 3) k;
INSERT INTO "ConsentRecord" (id, "userId", "sessionId", "contentType", decision, "decidedAt",
    "contentDescription")
  SELECT 'u' || n, 'u' || n, 's' || (n + 1) / 2, 'EVENT_SUMMARY', 'GRANTED', now(), 'x'
  FROM generate_series(1, 4000) n;
INSERT INTO "ConsentedContent" (id, "sharedVesselId", "sourceUserId", "transformedContent",
    "consentRecordId")
  SELECT n || '-' || k, 's' || (n + 1) / 2, 'u' || n, 'x', 'u' || n
  FROM generate_series(1, 4000) n, generate_series(1, 3) k;
INSERT INTO hub."SessionEvent" ("sessionId", "userId", seq, name)
  SELECT 's' || (n + 1) / 2, 'u' || n, k, 'x'
  FROM generate_series(1, 4000) n, generate_series(1, 10) k;
