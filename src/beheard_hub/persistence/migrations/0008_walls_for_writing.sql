-- What the write-behind path may write, and what operations may count (spec 4.2).
--
-- `beheard_writer` inserts and updates, deletes vessel rows, and reads key columns only. Of every
-- row the database checks again: its owner is a member of its session; private content also belongs
-- to a user on whose behalf the host says it writes (app.writing); the host's lease stands (the
-- restrictive policy `fence`, evaluated once per statement).
SET LOCAL ROLE beheard_owner;

-- Which tables a flush may touch and how: the one list, read by the grants below and by hub.flush.
--   ops  i insert, u update, d delete      set  the columns that an update may set
-- An insert may set every column but "updatedAt", which is the trigger's, and seat.
CREATE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql RETURN '{
  "User":               {"ops": "u", "set": ["name", "avatarUrl", "email", "pushToken",
                         "pushPlatform", "presenceShown", "lastLoginAt"]},
  "ContactMethod":      {"ops": "iu", "set": ["verified", "primary", "value"]},
  "Relationship":       {"ops": "i"},
  "RelationshipMember": {"ops": "iu", "set": ["partnerId"]},
  "Session":            {"ops": "iu", "set": ["relationshipId", "status", "resolvedAt", "outcome",
                         "closeProposedById", "pausedAt", "pausedById", "lastActivityAt",
                         "strategyPhase", "strategyRound"]},
  "SessionPrivate":     {"ops": "iu", "set": ["context", "pauseReason"]},
  "Invitation":         {"ops": "iu", "set": ["status", "expiresAt", "acceptedAt", "declinedAt",
                         "declineReason", "resendCount", "lastSentAt"]},
  "StageProgress":      {"ops": "iu", "set": ["status", "startedAt", "completedAt",
                         "gatesSatisfied", "gatesAt", "gatesLatched", "strategiesReadyRound",
                         "feedbackAcceptedAt", "isSynthesisDirty", "synthesisLastUpdated"]},
  "Message":            {"ops": "iu", "set": ["embedding", "embeddingModel", "extractedNeeds",
                         "extractedEmotions"]},
  "UserVessel":         {"ops": "iu", "set": ["embedding", "embeddingModel"]},
  "UserEvent":          {"ops": "iud", "set": ["description", "attributedTo", "emotions",
                         "timestamp", "embedding", "embeddingModel"]},
  "EmotionalReading":   {"ops": "iud", "set": ["embedding", "embeddingModel"]},
  "IdentifiedNeed":     {"ops": "iud", "set": ["need", "category", "description", "evidence",
                         "confirmed", "answeredAt", "embedding", "embeddingModel"]},
  "NeedClarification":  {"ops": "iud", "set": ["answer", "answeredAt"]},
  "Boundary":           {"ops": "iud", "set": ["description", "nonNegotiable"]},
  "UserDocument":       {"ops": "iud", "set": ["title", "content", "type"]},
  "EmpathyDraft":       {"ops": "iud", "set": ["content", "readyToShare", "version"]},
  "EmotionalExerciseCompletion": {"ops": "i"},
  "SharedVessel":       {"ops": "i"},
  "ConsentRecord":      {"ops": "iu", "set": ["decision", "decidedAt", "revokedAt",
                         "transformedPreview", "contentDescription", "metadata"]},
  "ConsentedContent":   {"ops": "iu", "set": ["transformedContent", "consentedAt", "consentActive",
                         "revokedAt", "consentRecordId", "embedding", "embeddingModel"]},
  "EmpathyAttempt":     {"ops": "iu", "set": ["supersededById"]},
  "EmpathyValidation":  {"ops": "iu", "set": ["validated", "feedback", "feedbackShared",
                         "validatedAt"]},
  "CommonGround":       {"ops": "iu", "set": ["confirmedByA", "confirmedByB", "confirmedAt",
                         "sourceContentIds", "stale"]},
  "StrategyProposal":   {"ops": "i"},
  "StrategyRanking":    {"ops": "iu", "set": ["rankedIds", "submittedAt"]},
  "Agreement":          {"ops": "iu", "set": ["status", "agreedByA", "agreedByB", "agreedAt",
                         "followUpDate", "completedAt", "staleInput"]},
  "hub.SessionEvent":   {"ops": "i"},
  "hub.CommandReceipt": {"ops": "i"},
  "hub.Reminder":       {"ops": "iu", "set": ["firedAt", "dueAt"]},
  "hub.Nudge":          {"ops": "i"},
  "hub.Notification":   {"ops": "iu", "set": ["deliveredVia", "readAt"]},
  "hub.AuditLog":       {"ops": "i"}
}'::jsonb;

-- "Message" → public."Message", "hub.Reminder" → hub."Reminder".
CREATE FUNCTION hub.qualified(t text) RETURNS text IMMUTABLE LANGUAGE sql
  RETURN CASE WHEN left(t, 4) = 'hub.' THEN format('hub.%I', substr(t, 5))
    ELSE format('public.%I', t) END;

CREATE FUNCTION hub.lease_holds() RETURNS boolean STABLE LANGUAGE sql
  RETURN EXISTS (SELECT FROM hub."HostLease" l
    WHERE l."hostId" = nullif(current_setting('app.host', true), '')
      AND l.epoch = nullif(current_setting('app.epoch', true), '')::bigint AND NOT l.dead);

GRANT EXECUTE ON FUNCTION hub.writable(), hub.qualified(text), hub.lease_holds() TO beheard_writer;

-- ---- grants and the fence -----------------------------------------------------------------------
DO $$
DECLARE
  w record;
  cols text;
  -- columns that find a row; none of them is content
  keys text[] := ARRAY['id', 'sessionId', 'userId', 'forUserId', 'sourceUserId', 'vesselId',
    'sharedVesselId', 'relationshipId', 'partnerId', 'attemptId', 'stage', 'round', 'seq',
    'commandId', 'createdById', 'invitedById', 'shard'];
BEGIN
  FOR w IN SELECT key AS t, hub.qualified(key) AS name, value ->> 'ops' AS ops,
      value -> 'set' AS set FROM jsonb_each(hub.writable())
  LOOP
    SELECT string_agg(format('%I', a.attname), ', ') INTO cols FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = w.name::regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname = ANY (keys);
    EXECUTE format('GRANT SELECT (%s) ON %s TO beheard_writer', cols, w.name);
    EXECUTE format('CREATE POLICY keys ON %s FOR SELECT TO beheard_writer USING (true)', w.name);
    IF w.ops ~ 'i' THEN
      SELECT string_agg(format('%I', a.attname), ', ') INTO cols FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = w.name::regclass AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attname NOT IN ('updatedAt', 'seat');
      EXECUTE format('GRANT INSERT (%s) ON %s TO beheard_writer', cols, w.name);
      EXECUTE format('CREATE POLICY fence_insert ON %s AS RESTRICTIVE FOR INSERT TO beheard_writer'
                     ' WITH CHECK ((select hub.lease_holds()))', w.name);
    END IF;
    IF w.ops ~ 'u' THEN
      SELECT string_agg(format('%I', c), ', ') INTO cols FROM jsonb_array_elements_text(w.set) c;
      EXECUTE format('GRANT UPDATE (%s) ON %s TO beheard_writer', cols, w.name);
      EXECUTE format('CREATE POLICY fence_update ON %s AS RESTRICTIVE FOR UPDATE TO beheard_writer'
                     ' USING ((select hub.lease_holds()))', w.name);
    END IF;
    IF w.ops ~ 'd' THEN
      EXECUTE format('GRANT DELETE ON %s TO beheard_writer', w.name);
      EXECUTE format('CREATE POLICY fence_delete ON %s AS RESTRICTIVE FOR DELETE TO beheard_writer'
                     ' USING ((select hub.lease_holds()))', w.name);
    END IF;
  END LOOP;
END
$$;
GRANT SELECT ON hub."HostLease" TO beheard_writer;
GRANT UPDATE ("flushNo", "expiresAt") ON hub."HostLease" TO beheard_writer;
CREATE POLICY lease ON hub."HostLease" TO beheard_writer USING (true);

-- ---- whose row, in whose session ----------------------------------------------------------------
-- For each table the condition that a written row must meet; the same for insert, update, delete.
DO $$
DECLARE
  w record;
  op text;
BEGIN
  FOR w IN
    SELECT t."table", replace(replace(c.condition, '%user', quote_ident(t."user")),
        '%table', hub.qualified(t."table")) AS condition
    FROM (VALUES
      -- private: the owner has a vessel in the session and is one of those we write for
      ('private', '(select hub.writing()) -> "sessionId" ? %user AND EXISTS (SELECT FROM'
        ' public."UserVessel" v WHERE v."userId" = %table.%user'
        ' AND v."sessionId" = %table."sessionId")'),
      ('vessel', 'EXISTS (SELECT FROM public."UserVessel" v WHERE v.id = %table."vesselId"'
        ' AND (select hub.writing()) -> v."sessionId" ? v."userId")'),
      -- the same where a foreign key to the vessel says that the owner is in the session
      ('private, keyed', '(select hub.writing()) -> "sessionId" ? %user'),
      -- about a member, perhaps caused by the other one
      ('member', '(select hub.writing()) ? "sessionId" AND EXISTS (SELECT FROM'
        ' public."UserVessel" v WHERE v."userId" = %table.%user'
        ' AND v."sessionId" = %table."sessionId")'),
      ('member or none', '("sessionId" IS NULL OR "sessionId" = '''' OR (select hub.writing()) ?'
        ' "sessionId") AND (%user IS NULL OR "sessionId" IS NULL OR "sessionId" = '''' OR EXISTS'
        ' (SELECT FROM public."UserVessel" v WHERE v."userId" = %table.%user'
        ' AND v."sessionId" = %table."sessionId"))'),
      ('receipt', 'CASE WHEN "sessionId" = '''' THEN %user = ANY ((select hub.writers())::text[])'
        ' ELSE (select hub.writing()) ? "sessionId" AND EXISTS (SELECT FROM public."UserVessel" v'
        ' WHERE v."userId" = %table.%user AND v."sessionId" = %table."sessionId") END'),
      ('session', '(select hub.writing()) ? "sessionId"'),
      ('shared', 'EXISTS (SELECT FROM public."SharedVessel" s WHERE s.id = %table."sharedVesselId"'
        ' AND (select hub.writing()) ? s."sessionId")'),
      ('self', '%user = ANY ((select hub.writers())::text[])'),
      ('anything', 'true')
    ) AS c (kind, condition)
    JOIN (VALUES
      ('Message', 'private, keyed', 'forUserId'), ('SessionPrivate', 'private', 'userId'),
      ('EmpathyDraft', 'private', 'userId'), ('EmotionalExerciseCompletion', 'private', 'userId'),
      ('ConsentRecord', 'private', 'userId'), ('EmpathyAttempt', 'private', 'sourceUserId'),
      ('EmpathyValidation', 'private', 'userId'), ('StrategyRanking', 'private', 'userId'),
      ('UserEvent', 'vessel', ''), ('EmotionalReading', 'vessel', ''),
      ('IdentifiedNeed', 'vessel', ''), ('NeedClarification', 'vessel', ''),
      ('Boundary', 'vessel', ''), ('UserDocument', 'vessel', ''),
      ('StageProgress', 'member', 'userId'), ('hub.SessionEvent', 'session', ''),
      ('hub.Nudge', 'member', 'userId'), ('hub.CommandReceipt', 'receipt', 'userId'),
      ('hub.Reminder', 'member or none', 'userId'),
      ('hub.Notification', 'member or none', 'userId'),
      ('SharedVessel', 'session', ''), ('CommonGround', 'shared', ''), ('Agreement', 'shared', ''),
      ('User', 'self', 'id'), ('ContactMethod', 'self', 'userId'),
      ('Relationship', 'anything', ''), ('hub.AuditLog', 'anything', '')
    ) AS t ("table", kind, "user") USING (kind)
  LOOP
    FOREACH op IN ARRAY string_to_array(hub.writable() -> w."table" ->> 'ops', NULL) LOOP
      EXECUTE format(CASE op
          WHEN 'i' THEN 'CREATE POLICY write_insert ON %s FOR INSERT TO beheard_writer'
            ' WITH CHECK (%s)'
          WHEN 'u' THEN 'CREATE POLICY write_update ON %s FOR UPDATE TO beheard_writer USING (%s)'
          WHEN 'd' THEN 'CREATE POLICY write_delete ON %s FOR DELETE TO beheard_writer USING (%s)'
        END, hub.qualified(w."table"), w.condition);
    END LOOP;
  END LOOP;
END
$$;

-- The rest have a rule of their own.
CREATE POLICY write_insert ON "Session" FOR INSERT TO beheard_writer WITH CHECK (
  (select hub.writing()) -> id ? "createdById" AND EXISTS (SELECT FROM "RelationshipMember" m
    WHERE m."relationshipId" = "Session"."relationshipId"
      AND m."userId" = "Session"."createdById"));
CREATE POLICY write_update ON "Session" FOR UPDATE TO beheard_writer
  USING ((select hub.writing()) ? id);

CREATE POLICY write_insert ON "UserVessel" FOR INSERT TO beheard_writer WITH CHECK (
  (select hub.writing()) -> "sessionId" ? "userId" AND EXISTS (SELECT FROM "Session" s
    JOIN "RelationshipMember" m ON m."relationshipId" = s."relationshipId"
    WHERE s.id = "UserVessel"."sessionId" AND m."userId" = "UserVessel"."userId"));
CREATE POLICY write_update ON "UserVessel" FOR UPDATE TO beheard_writer
  USING ((select hub.writing()) -> "sessionId" ? "userId");

-- Joining: one's own row, and the other's that learns who the partner is.
CREATE POLICY write_insert ON "RelationshipMember" FOR INSERT TO beheard_writer
  WITH CHECK ("userId" = ANY ((select hub.writers())::text[]));
CREATE POLICY write_update ON "RelationshipMember" FOR UPDATE TO beheard_writer
  USING (true)
  WITH CHECK ("userId" = ANY ((select hub.writers())::text[])
    OR "partnerId" = ANY ((select hub.writers())::text[]));

CREATE POLICY write_insert ON "Invitation" FOR INSERT TO beheard_writer
  WITH CHECK ((select hub.writing()) -> "sessionId" ? "invitedById");
CREATE POLICY write_update ON "Invitation" FOR UPDATE TO beheard_writer
  USING ((select hub.writing()) ? "sessionId");

CREATE POLICY write_insert ON "StrategyProposal" FOR INSERT TO beheard_writer WITH CHECK (
  (select hub.writing()) ? "sessionId" AND ("createdByUserId" IS NULL
    OR (select hub.writing()) -> "sessionId" ? "createdByUserId" AND EXISTS (
      SELECT FROM "UserVessel" v WHERE v."userId" = "StrategyProposal"."createdByUserId"
        AND v."sessionId" = "StrategyProposal"."sessionId")));

CREATE POLICY write_insert ON "ConsentedContent" FOR INSERT TO beheard_writer WITH CHECK (
  EXISTS (SELECT FROM "SharedVessel" s
    JOIN "UserVessel" v ON v."sessionId" = s."sessionId"
    WHERE s.id = "ConsentedContent"."sharedVesselId"
      AND v."userId" = "ConsentedContent"."sourceUserId"
      AND (select hub.writing()) -> s."sessionId" ? "ConsentedContent"."sourceUserId"));
CREATE POLICY write_update ON "ConsentedContent" FOR UPDATE TO beheard_writer USING (
  EXISTS (SELECT FROM "SharedVessel" s WHERE s.id = "ConsentedContent"."sharedVesselId"
      AND (select hub.writing()) -> s."sessionId" ? "ConsentedContent"."sourceUserId"));

-- ---- operations: counts, leases, expiry; no content ---------------------------------------------
DO $$
DECLARE
  o record;
BEGIN
  FOR o IN SELECT * FROM (VALUES
    ('public."Session"', 'id, "relationshipId", status, "createdAt", "lastActivityAt", "pausedAt"'),
    ('public."StageProgress"', 'id, "sessionId", "userId", stage, status'),
    ('public."Invitation"', 'id, "sessionId", status, "expiresAt"'),
    ('public."Message"', 'id, "sessionId", "forUserId", role, stage, timestamp, "embeddingModel"'),
    ('public."UserVessel"', 'id, "userId", "sessionId"'),
    ('public."UserEvent"', 'id, "vesselId", "createdAt", "embeddingModel"'),
    ('public."EmotionalReading"', 'id, "vesselId", "createdAt", "embeddingModel"'),
    ('public."IdentifiedNeed"', 'id, "vesselId", "createdAt", "embeddingModel"'),
    ('public."ConsentedContent"', 'id, "sharedVesselId", "sourceUserId", "consentActive",'
      ' "embeddingModel"'),
    ('public."GlobalLibraryItem"', 'id, category, "isActive", "embeddingModel"'),
    ('hub."SessionEvent"', '"sessionId", "userId", seq, name, at'),
    ('hub."CommandReceipt"', '"sessionId", "userId", "commandId", name, at'),
    ('hub."Reminder"', 'id, "sessionId", "userId", shard, kind, "dueAt", payload, "firedAt"'),
    ('hub."Notification"', 'id, "userId", "sessionId", type, "deliveredVia", "readAt",'
      ' "createdAt"'),
    ('hub."HostLease"', '"hostId", epoch, endpoint, "flushNo", "expiresAt", dead, "createdAt"'),
    ('hub."ShardOwner"', 'shard, "hostId"')) AS seen ("table", cols)
  LOOP
    EXECUTE format('GRANT SELECT (%s) ON %s TO beheard_ops', o.cols, o."table");
    EXECUTE format('CREATE POLICY operations ON %s FOR SELECT TO beheard_ops USING (true)',
      o."table");
  END LOOP;
END
$$;
GRANT DELETE ON hub."SessionEvent", hub."CommandReceipt", hub."HostLease" TO beheard_ops;
CREATE POLICY expiry ON hub."SessionEvent" FOR DELETE TO beheard_ops USING (true);
CREATE POLICY expiry ON hub."CommandReceipt" FOR DELETE TO beheard_ops USING (true);
CREATE POLICY leases ON hub."HostLease" FOR ALL TO beheard_ops USING (true) WITH CHECK (true);
CREATE POLICY shards ON hub."ShardOwner" FOR UPDATE TO beheard_ops USING (true) WITH CHECK (true);
GRANT INSERT ("hostId", epoch, endpoint, "expiresAt"), UPDATE (dead, "expiresAt")
  ON hub."HostLease" TO beheard_ops;
GRANT UPDATE ("hostId") ON hub."ShardOwner" TO beheard_ops;
GRANT USAGE ON SEQUENCE hub.epoch TO beheard_ops;

RESET ROLE;
