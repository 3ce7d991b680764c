-- Sessions, private threads and the user vessel (spec 3.2, 3.3).
-- Beside each vector stands the name of the model that made it; vectors of different models are
-- never compared. Private vectors have no approximate index: one index over all owners would be a
-- side channel and lose hits (spec 4.2).
SET LOCAL ROLE beheard_owner;

CREATE TABLE "Session" (
  id text PRIMARY KEY,
  "relationshipId" text NOT NULL REFERENCES "Relationship",
  "createdById" text NOT NULL REFERENCES "User",
  status "SessionStatus" NOT NULL DEFAULT 'CREATED' CHECK (status <> 'WAITING'),
  "resolvedAt" timestamptz,
  outcome text CHECK (outcome IN ('AGREEMENT', 'NO_SHARED_AGREEMENT')),
  "closeProposedById" text REFERENCES "User",
  "pausedAt" timestamptz,
  "pausedById" text REFERENCES "User",
  "lastActivityAt" timestamptz NOT NULL DEFAULT now(),
  "strategyPhase" text NOT NULL DEFAULT 'COLLECTING'
    CHECK ("strategyPhase" IN ('COLLECTING', 'RANKING', 'REVEALING', 'NEGOTIATING', 'AGREED')),
  "strategyRound" int NOT NULL DEFAULT 1 CHECK ("strategyRound" >= 0),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "Session_one_open_per_relationship" ON "Session" ("relationshipId")
  WHERE status NOT IN ('RESOLVED', 'ABANDONED');
CREATE INDEX "Session_relationshipId_idx" ON "Session" ("relationshipId");
CREATE INDEX "Session_createdById_idx" ON "Session" ("createdById");

CREATE TABLE "SessionPrivate" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  context text CHECK (char_length(context) <= 2000),
  "pauseReason" text CHECK (char_length("pauseReason") <= 500),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("sessionId", "userId")
);

CREATE TABLE "Invitation" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session",
  "invitedById" text NOT NULL REFERENCES "User",
  email text CHECK (char_length(email) <= 320),
  phone text CHECK (char_length(phone) <= 40),
  name text CHECK (char_length(name) <= 200),
  status "InvitationStatus" NOT NULL DEFAULT 'PENDING',
  "expiresAt" timestamptz NOT NULL,
  "acceptedAt" timestamptz,
  "declinedAt" timestamptz,
  "declineReason" text CHECK (char_length("declineReason") <= 500),
  "resendCount" int NOT NULL DEFAULT 0 CHECK ("resendCount" BETWEEN 0 AND 3),
  "lastSentAt" timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "Invitation_sessionId_idx" ON "Invitation" ("sessionId");
CREATE INDEX "Invitation_status_expiresAt_idx" ON "Invitation" (status, "expiresAt");
CREATE INDEX "Invitation_invitedById_idx" ON "Invitation" ("invitedById");

CREATE TABLE "StageProgress" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session",
  "userId" text NOT NULL REFERENCES "User",
  stage int NOT NULL CHECK (stage BETWEEN 0 AND 4),
  status "StageStatus" NOT NULL DEFAULT 'NOT_STARTED',
  "startedAt" timestamptz NOT NULL DEFAULT now(),
  "completedAt" timestamptz,
  "gatesSatisfied" jsonb NOT NULL DEFAULT '{}',
  "gatesAt" jsonb NOT NULL DEFAULT '{}',
  "gatesLatched" boolean NOT NULL DEFAULT false,
  "strategiesReadyRound" int,
  "feedbackAcceptedAt" timestamptz,
  "isSynthesisDirty" boolean NOT NULL DEFAULT true,
  "synthesisLastUpdated" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("sessionId", "userId", stage)
) WITH (fillfactor = 70);
CREATE INDEX "StageProgress_sessionId_idx" ON "StageProgress" ("sessionId");
CREATE INDEX "StageProgress_userId_idx" ON "StageProgress" ("userId");

CREATE TABLE "UserVessel" (
  id text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
  embedding vector(1536),
  "embeddingModel" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("userId", "sessionId")
);
CREATE INDEX "UserVessel_sessionId_idx" ON "UserVessel" ("sessionId");

-- One foreign key to the vessel says at once that session and user exist and that she is in it; on
-- the hottest table it costs a third of three.
CREATE TABLE "Message" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL,
  "forUserId" text NOT NULL,
  "senderId" text,
  role "MessageRole" NOT NULL,
  content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 10000),
  stage int NOT NULL CHECK (stage BETWEEN 0 AND 4),
  timestamp timestamptz NOT NULL DEFAULT now(),
  embedding vector(1536),
  "embeddingModel" text,
  "extractedNeeds" text[] NOT NULL DEFAULT '{}',
  "extractedEmotions" text[] NOT NULL DEFAULT '{}',
  "promptVersion" text CHECK (char_length("promptVersion") <= 100),
  bundle jsonb,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY ("forUserId", "sessionId") REFERENCES "UserVessel" ("userId", "sessionId")
    ON DELETE CASCADE,
  CHECK ("senderId" = "forUserId"),
  CHECK ((role = 'USER') = ("senderId" IS NOT NULL))
);
CREATE INDEX "Message_thread_idx" ON "Message" ("sessionId", "forUserId", timestamp, id);
CREATE INDEX "Message_forUserId_idx" ON "Message" ("forUserId");

CREATE TABLE "UserEvent" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 2000),
  "attributedTo" "Attribution" NOT NULL,
  emotions text[] NOT NULL DEFAULT '{}' CHECK (cardinality(emotions) <= 8),
  timestamp timestamptz NOT NULL DEFAULT now(),
  embedding vector(1536),
  "embeddingModel" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "UserEvent_vesselId_timestamp_idx" ON "UserEvent" ("vesselId", timestamp);

CREATE TABLE "EmotionalReading" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  intensity int NOT NULL CHECK (intensity BETWEEN 1 AND 10),
  context text CHECK (char_length(context) <= 500),
  stage int NOT NULL CHECK (stage BETWEEN 0 AND 4),
  timestamp timestamptz NOT NULL DEFAULT now(),
  embedding vector(1536),
  "embeddingModel" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "EmotionalReading_vesselId_timestamp_idx"
  ON "EmotionalReading" ("vesselId", timestamp);

CREATE TABLE "IdentifiedNeed" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  need text NOT NULL CHECK (char_length(need) BETWEEN 1 AND 200),
  category "NeedCategory" NOT NULL,
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 300),
  evidence text[] NOT NULL DEFAULT '{}',
  confirmed boolean NOT NULL DEFAULT false,
  "answeredAt" timestamptz,
  source text NOT NULL CHECK (source IN ('SYNTHESISED', 'USER')),
  "aiConfidence" double precision CHECK ("aiConfidence" BETWEEN 0 AND 1),
  embedding vector(1536),
  "embeddingModel" text,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT "IdentifiedNeed_evidence_check" CHECK (
    CASE source WHEN 'USER' THEN cardinality(evidence) = 0
    ELSE cardinality(evidence) BETWEEN 1 AND 5 END)
);
CREATE INDEX "IdentifiedNeed_vesselId_idx" ON "IdentifiedNeed" ("vesselId");

CREATE TABLE "NeedClarification" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  "potentialNeed" text NOT NULL CHECK (char_length("potentialNeed") BETWEEN 1 AND 200),
  question text NOT NULL CHECK (char_length(question) BETWEEN 1 AND 1000),
  "evidenceSoFar" text NOT NULL CHECK (char_length("evidenceSoFar") <= 2000),
  answer text CHECK (char_length(answer) <= 2000),
  "answeredAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "NeedClarification_vesselId_idx" ON "NeedClarification" ("vesselId");

CREATE TABLE "Boundary" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 1000),
  "nonNegotiable" boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "Boundary_vesselId_idx" ON "Boundary" ("vesselId");

CREATE TABLE "UserDocument" (
  id text PRIMARY KEY,
  "vesselId" text NOT NULL REFERENCES "UserVessel" ON DELETE CASCADE,
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
  content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 20000),
  type text NOT NULL CHECK (char_length(type) BETWEEN 1 AND 100),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "UserDocument_vesselId_idx" ON "UserDocument" ("vesselId");

CREATE TABLE "EmpathyDraft" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 1200),
  "readyToShare" boolean NOT NULL DEFAULT false,
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("sessionId", "userId")
);

CREATE TABLE "EmotionalExerciseCompletion" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  type "ExerciseType" NOT NULL,
  completed boolean NOT NULL,
  "completedAt" timestamptz NOT NULL DEFAULT now(),
  "intensityBefore" int CHECK ("intensityBefore" BETWEEN 1 AND 10),
  "intensityAfter" int CHECK ("intensityAfter" BETWEEN 1 AND 10),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "EmotionalExerciseCompletion_session_user_idx"
  ON "EmotionalExerciseCompletion" ("sessionId", "userId");

RESET ROLE;
