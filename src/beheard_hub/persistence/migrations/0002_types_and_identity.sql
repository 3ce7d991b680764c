-- Enum types by their documented names, and identity and relationship (spec 3.1).
SET LOCAL ROLE beheard_owner;

CREATE TYPE "SessionStatus" AS ENUM
  ('CREATED', 'INVITED', 'ACTIVE', 'WAITING', 'PAUSED', 'RESOLVED', 'ABANDONED');
CREATE TYPE "StageStatus" AS ENUM ('NOT_STARTED', 'IN_PROGRESS', 'GATE_PENDING', 'COMPLETED');
CREATE TYPE "Attribution" AS ENUM ('SELF', 'OTHER', 'MUTUAL', 'EXTERNAL');
CREATE TYPE "NeedCategory" AS ENUM
  ('SAFETY', 'CONNECTION', 'AUTONOMY', 'RECOGNITION', 'MEANING', 'FAIRNESS');
CREATE TYPE "MessageRole" AS ENUM ('USER', 'AI', 'SYSTEM');
CREATE TYPE "ConsentContentType" AS ENUM
  ('IDENTIFIED_NEED', 'EVENT_SUMMARY', 'EMOTIONAL_PATTERN', 'BOUNDARY', 'EMPATHY_DRAFT',
   'EMPATHY_ATTEMPT', 'STRATEGY_PROPOSAL');
CREATE TYPE "ConsentDecision" AS ENUM ('GRANTED', 'DENIED', 'REVOKED');
CREATE TYPE "AgreementType" AS ENUM ('MICRO_EXPERIMENT', 'COMMITMENT', 'CHECK_IN');
CREATE TYPE "AgreementStatus" AS ENUM
  ('PROPOSED', 'AGREED', 'IN_PROGRESS', 'COMPLETED', 'ABANDONED');
CREATE TYPE "StrategySource" AS ENUM ('USER_SUBMITTED', 'AI_SUGGESTED', 'CURATED');
CREATE TYPE "InvitationStatus" AS ENUM ('PENDING', 'ACCEPTED', 'DECLINED', 'EXPIRED');
CREATE TYPE "ExerciseType" AS ENUM
  ('BREATHING_EXERCISE', 'BODY_SCAN', 'GROUNDING', 'PAUSE_SESSION');
CREATE TYPE "GlobalLibrarySource" AS ENUM ('CURATED', 'CONTRIBUTED');
CREATE TYPE "Role" AS ENUM ('GUEST', 'USER', 'STAFF', 'ADMIN');

-- Called by the trigger of every table that has "updatedAt": callers never set it.
CREATE FUNCTION hub.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."updatedAt" := now();
  RETURN NEW;
END
$$;

CREATE TABLE "User" (
  id text PRIMARY KEY,
  email text UNIQUE CHECK (char_length(email) <= 320),
  name text CHECK (char_length(name) <= 200),
  "avatarUrl" text CHECK (char_length("avatarUrl") <= 2000),
  role "Role" NOT NULL DEFAULT 'GUEST',
  "pushToken" text CHECK (char_length("pushToken") <= 4096),
  "pushPlatform" text CHECK (char_length("pushPlatform") <= 20),
  "presenceShown" boolean NOT NULL DEFAULT true,
  "lastLoginAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "ContactMethod" (
  id text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  type text NOT NULL CHECK (char_length(type) <= 20),
  value text NOT NULL CHECK (char_length(value) BETWEEN 1 AND 320),
  verified boolean NOT NULL DEFAULT false,
  "primary" boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "ContactMethod_verified_key" ON "ContactMethod" (type, lower(value))
  WHERE verified;
CREATE UNIQUE INDEX "ContactMethod_primary_key" ON "ContactMethod" ("userId", type)
  WHERE "primary";
CREATE INDEX "ContactMethod_userId_idx" ON "ContactMethod" ("userId");
CREATE INDEX "ContactMethod_userId_type_idx" ON "ContactMethod" ("userId", type);

CREATE TABLE "ExternalIdentity" (
  id text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  provider text NOT NULL CHECK (char_length(provider) BETWEEN 1 AND 500),
  "externalId" text NOT NULL CHECK (char_length("externalId") BETWEEN 1 AND 500),
  email text CHECK (char_length(email) <= 320),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, "externalId")
);
CREATE INDEX "ExternalIdentity_userId_idx" ON "ExternalIdentity" ("userId");
CREATE INDEX "ExternalIdentity_userId_provider_idx" ON "ExternalIdentity" ("userId", provider);

CREATE TABLE "Relationship" (
  id text PRIMARY KEY,
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now()
);

-- "seat" is given by the trigger below. Two racing third members meet the unique constraint.
CREATE TABLE "RelationshipMember" (
  id text PRIMARY KEY,
  "relationshipId" text NOT NULL REFERENCES "Relationship",
  "userId" text NOT NULL REFERENCES "User",
  "partnerId" text REFERENCES "User",
  "joinedAt" timestamptz NOT NULL DEFAULT now(),
  role text NOT NULL DEFAULT 'member' CHECK (char_length(role) <= 20),
  seat smallint NOT NULL CHECK (seat IN (1, 2)),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  "updatedAt" timestamptz NOT NULL DEFAULT now(),
  UNIQUE ("relationshipId", "userId"),
  CONSTRAINT "RelationshipMember_two_at_most" UNIQUE ("relationshipId", seat),
  CHECK ("partnerId" <> "userId")
);
CREATE INDEX "RelationshipMember_userId_idx" ON "RelationshipMember" ("userId");

-- Definer: it must see both seats, whoever inserts. The third member gets seat 2 and fails on
-- the unique constraint.
CREATE FUNCTION hub.give_seat() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  NEW.seat := CASE WHEN EXISTS (
      SELECT FROM public."RelationshipMember" m
      WHERE m."relationshipId" = NEW."relationshipId" AND m.seat = 1) THEN 2 ELSE 1 END;
  RETURN NEW;
END
$$;
CREATE TRIGGER give_seat BEFORE INSERT ON "RelationshipMember"
  FOR EACH ROW EXECUTE FUNCTION hub.give_seat();

RESET ROLE;
