-- What may cross, and by which consent (spec 3.4); the global library (spec 3.5).
SET LOCAL ROLE beheard_owner;

CREATE TABLE "SharedVessel" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL UNIQUE REFERENCES "Session",
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "ConsentRecord" (
  id text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  "sessionId" text NOT NULL REFERENCES "Session",
  "contentType" "ConsentContentType" NOT NULL,
  "targetId" text,
  "requestedByUserId" text REFERENCES "User" ON DELETE SET NULL,
  decision "ConsentDecision",
  "decidedAt" timestamptz,
  "revokedAt" timestamptz,
  "transformedPreview" text CHECK (char_length("transformedPreview") <= 1200),
  "contentDescription" text NOT NULL CHECK (char_length("contentDescription") <= 2000),
  metadata jsonb NOT NULL DEFAULT '{}',
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  CHECK ((decision = 'REVOKED') IS NOT TRUE OR "revokedAt" IS NOT NULL)
);
CREATE INDEX "ConsentRecord_user_session_decided_idx"
  ON "ConsentRecord" ("userId", "sessionId", "decidedAt");

-- "contentType" repeats that of the consent record, by trigger: the partner, who cannot read the
-- record, is held to the attempt rule by it. "category" is that of the need that crossed, which the
-- partner cannot read either; NULL for other content.
CREATE TABLE "ConsentedContent" (
  id text PRIMARY KEY,
  "sharedVesselId" text NOT NULL REFERENCES "SharedVessel",
  "sourceUserId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  "originalNeedId" text UNIQUE REFERENCES "IdentifiedNeed" ON DELETE CASCADE,
  "contentType" "ConsentContentType" NOT NULL,
  category "NeedCategory",
  "transformedContent" text NOT NULL CHECK (char_length("transformedContent") BETWEEN 1 AND 1200),
  "consentedAt" timestamptz NOT NULL DEFAULT now(),
  "consentActive" boolean NOT NULL DEFAULT true,
  "revokedAt" timestamptz,
  "consentRecordId" text NOT NULL REFERENCES "ConsentRecord" ON DELETE CASCADE,
  embedding vector(1536),
  "embeddingModel" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "ConsentedContent_vessel_active_idx"
  ON "ConsentedContent" ("sharedVesselId", "consentActive");
CREATE INDEX "ConsentedContent_sourceUserId_idx" ON "ConsentedContent" ("sourceUserId");
CREATE INDEX "ConsentedContent_consentRecordId_idx" ON "ConsentedContent" ("consentRecordId");

CREATE TABLE "EmpathyAttempt" (
  id text PRIMARY KEY,
  "draftId" text REFERENCES "EmpathyDraft" ON DELETE SET NULL,
  "sessionId" text NOT NULL REFERENCES "Session",
  "sourceUserId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 1200),
  "sharedAt" timestamptz NOT NULL DEFAULT now(),
  "consentRecordId" text NOT NULL REFERENCES "ConsentRecord" ON DELETE CASCADE,
  "supersededById" text REFERENCES "EmpathyAttempt" ON DELETE CASCADE,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "EmpathyAttempt_session_source_idx" ON "EmpathyAttempt" ("sessionId", "sourceUserId");

CREATE TABLE "EmpathyValidation" (
  id text PRIMARY KEY,
  "attemptId" text NOT NULL REFERENCES "EmpathyAttempt" ON DELETE CASCADE,
  "sessionId" text NOT NULL REFERENCES "Session",
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  validated boolean NOT NULL,
  feedback text CHECK (char_length(feedback) <= 1000),
  "feedbackShared" boolean NOT NULL DEFAULT false,
  "validatedAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("attemptId", "userId")
);
CREATE INDEX "EmpathyValidation_session_user_idx" ON "EmpathyValidation" ("sessionId", "userId");

CREATE TABLE "CommonGround" (
  id text PRIMARY KEY,
  "sharedVesselId" text NOT NULL REFERENCES "SharedVessel",
  need text NOT NULL CHECK (char_length(need) BETWEEN 1 AND 200),
  category "NeedCategory" NOT NULL,
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 300),
  "confirmedByA" boolean NOT NULL DEFAULT false,
  "confirmedByB" boolean NOT NULL DEFAULT false,
  "confirmedAt" timestamptz,
  "sourceContentIds" text[] NOT NULL DEFAULT '{}',
  "proposedById" text REFERENCES "User",
  stale boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "CommonGround_sharedVesselId_idx" ON "CommonGround" ("sharedVesselId");

-- "createdByUserId" is the one who proposed, or who asked for an AI suggestion; NULL for CURATED.
CREATE TABLE "StrategyProposal" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session",
  "createdByUserId" text REFERENCES "User" ON DELETE CASCADE,
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 800),
  "needsAddressed" text[] NOT NULL DEFAULT '{}' CHECK (cardinality("needsAddressed") <= 3),
  duration text CHECK (char_length(duration) <= 100),
  "measureOfSuccess" text CHECK (char_length("measureOfSuccess") <= 300),
  source "StrategySource" NOT NULL,
  "consentRecordId" text REFERENCES "ConsentRecord",
  round int NOT NULL DEFAULT 1 CHECK (round >= 0),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  CHECK ((source = 'CURATED') = ("createdByUserId" IS NULL)),
  CHECK ((source = 'USER_SUBMITTED') = ("consentRecordId" IS NOT NULL))
);
CREATE INDEX "StrategyProposal_sessionId_idx" ON "StrategyProposal" ("sessionId");

CREATE TABLE "StrategyRanking" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session",
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  round int NOT NULL CHECK (round >= 0),
  "rankedIds" text[] NOT NULL CHECK (cardinality("rankedIds") >= 1),
  "submittedAt" timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("sessionId", "userId", round)
);

CREATE TABLE "Agreement" (
  id text PRIMARY KEY,
  "sharedVesselId" text NOT NULL REFERENCES "SharedVessel",
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 800),
  type "AgreementType" NOT NULL,
  status "AgreementStatus" NOT NULL DEFAULT 'PROPOSED',
  "agreedByA" boolean NOT NULL DEFAULT false,
  "agreedByB" boolean NOT NULL DEFAULT false,
  "agreedAt" timestamptz,
  "followUpDate" timestamptz,
  "completedAt" timestamptz,
  duration text CHECK (char_length(duration) <= 100),
  "measureOfSuccess" text CHECK (char_length("measureOfSuccess") <= 300),
  "proposalId" text REFERENCES "StrategyProposal" ON DELETE SET NULL,
  "staleInput" boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "Agreement_sharedVesselId_idx" ON "Agreement" ("sharedVesselId");

CREATE TABLE "GlobalLibraryItem" (
  id text PRIMARY KEY,
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 800),
  category text NOT NULL CHECK (char_length(category) BETWEEN 1 AND 60),
  source "GlobalLibrarySource" NOT NULL,
  "isActive" boolean NOT NULL DEFAULT true,
  embedding vector(1536),
  "embeddingModel" text,
  "contributedBy" text REFERENCES "User",
  "contributionConsent" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT "GlobalLibraryItem_contributor_check" CHECK (
    CASE source WHEN 'CURATED' THEN "contributedBy" IS NULL AND "contributionConsent" IS NULL
    ELSE "contributedBy" IS NOT NULL AND "contributionConsent" IS NOT NULL END)
);
CREATE INDEX "GlobalLibraryItem_category_idx" ON "GlobalLibraryItem" (category);
-- The only approximate index: the library belongs to nobody.
CREATE INDEX "GlobalLibraryItem_embedding_idx" ON "GlobalLibraryItem"
  USING hnsw (embedding vector_cosine_ops);

-- Definer: the writer may not read consent records. Content is active only under a consent of its
-- own source user that was granted and not revoked.
CREATE FUNCTION hub.hold_to_consent() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  consent public."ConsentRecord";
BEGIN
  SELECT * INTO consent FROM public."ConsentRecord" c WHERE c.id = NEW."consentRecordId";
  IF NEW."consentActive" AND (consent."userId" = NEW."sourceUserId" AND consent.decision = 'GRANTED'
      AND consent."revokedAt" IS NULL) IS NOT TRUE THEN
    RAISE EXCEPTION 'content without a consent in force' USING ERRCODE = 'BH003';
  END IF;
  NEW."contentType" := consent."contentType";
  RETURN NEW;
END
$$;
CREATE TRIGGER hold_to_consent BEFORE INSERT OR UPDATE OF "consentActive", "consentRecordId"
  ON "ConsentedContent" FOR EACH ROW EXECUTE FUNCTION hub.hold_to_consent();

-- Definer, for the same reason: a consent that ends takes its content back in the same commit,
-- whether or not the application remembers to.
CREATE FUNCTION hub.take_back() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE public."ConsentedContent" c
    SET "consentActive" = false, "revokedAt" = coalesce(c."revokedAt", NEW."revokedAt", now())
    WHERE c."consentRecordId" = NEW.id AND c."consentActive";
  RETURN NULL;
END
$$;
CREATE TRIGGER take_back AFTER UPDATE OF decision, "revokedAt" ON "ConsentRecord" FOR EACH ROW
  WHEN (NEW."revokedAt" IS NOT NULL OR NEW.decision IS DISTINCT FROM 'GRANTED')
  EXECUTE FUNCTION hub.take_back();

RESET ROLE;
