-- The hub's own tables (spec 3.6). The logs hold ids, flags and times, never text.
SET LOCAL ROLE beheard_owner;

CREATE TABLE hub."SessionEvent" (
  "sessionId" text NOT NULL,
  "userId" text NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  name text NOT NULL CHECK (char_length(name) <= 64),
  data jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("sessionId", "userId", seq),
  FOREIGN KEY ("userId", "sessionId") REFERENCES "UserVessel" ("userId", "sessionId")
    ON DELETE CASCADE
);
CREATE INDEX "SessionEvent_at_idx" ON hub."SessionEvent" USING brin (at);

-- "sessionId" is '' for commands without a session, hence no foreign key.
CREATE TABLE hub."CommandReceipt" (
  "sessionId" text NOT NULL,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  "commandId" text NOT NULL CHECK (char_length("commandId") BETWEEN 1 AND 64),
  name text NOT NULL CHECK (char_length(name) <= 64),
  digest text NOT NULL,
  reply jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("sessionId", "userId", "commandId")
);
CREATE INDEX "CommandReceipt_at_idx" ON hub."CommandReceipt" USING brin (at);

CREATE SEQUENCE hub.epoch AS bigint;

-- Every flush updates one row of this table in place, hence the room in each page.
CREATE TABLE hub."HostLease" (
  "hostId" text PRIMARY KEY,
  epoch bigint NOT NULL UNIQUE,
  endpoint text NOT NULL,
  "flushNo" bigint NOT NULL DEFAULT 0,
  "expiresAt" timestamptz NOT NULL,
  dead boolean NOT NULL DEFAULT false,
  "createdAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

CREATE TABLE hub."ShardOwner" (
  shard int PRIMARY KEY CHECK (shard BETWEEN 0 AND 255),
  "hostId" text REFERENCES hub."HostLease",
  "createdAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO hub."ShardOwner" (shard) SELECT generate_series(0, 255);

CREATE TABLE hub."Reminder" (
  id text PRIMARY KEY,
  "sessionId" text REFERENCES "Session",
  "userId" text REFERENCES "User" ON DELETE CASCADE,
  shard int NOT NULL CHECK (shard BETWEEN 0 AND 255),
  kind text NOT NULL CHECK (char_length(kind) <= 64),
  "dueAt" timestamptz NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  "firedAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX "Reminder_due_idx" ON hub."Reminder" (shard, "dueAt") WHERE "firedAt" IS NULL;
CREATE INDEX "Reminder_open_idx" ON hub."Reminder" ("sessionId", "userId") WHERE "firedAt" IS NULL;

CREATE TABLE hub."Nudge" (
  id text PRIMARY KEY,
  "sessionId" text NOT NULL REFERENCES "Session",
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "Nudge_session_user_idx" ON hub."Nudge" ("sessionId", "userId", at);

CREATE TABLE hub."Notification" (
  id text PRIMARY KEY,
  "userId" text NOT NULL REFERENCES "User" ON DELETE CASCADE,
  "sessionId" text REFERENCES "Session",
  type text NOT NULL CHECK (char_length(type) <= 64),
  data jsonb NOT NULL DEFAULT '{}',
  "deliveredVia" text CHECK ("deliveredVia" IN ('ws', 'ably', 'push', 'inbox')),
  "readAt" timestamptz,
  "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "Notification_userId_idx" ON hub."Notification" ("userId", "createdAt");

-- "actorId" is no foreign key: the log outlives the account.
CREATE TABLE hub."AuditLog" (
  id text PRIMARY KEY,
  "actorId" text NOT NULL,
  "actorRole" text NOT NULL,
  action text NOT NULL CHECK (char_length(action) <= 64),
  "sessionId" text,
  target jsonb,
  outcome text NOT NULL CHECK (char_length(outcome) <= 64),
  at timestamptz NOT NULL DEFAULT now(),
  "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "AuditLog_at_idx" ON hub."AuditLog" (at);
CREATE INDEX "AuditLog_actorId_idx" ON hub."AuditLog" ("actorId", at);

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT c.oid::regclass AS name FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
    JOIN pg_catalog.pg_roles r ON r.oid = c.relowner AND r.rolname = 'beheard_owner'
    WHERE a.attname = 'updatedAt'
  LOOP
    EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW'
                   ' EXECUTE FUNCTION hub.touch()', t.name);
  END LOOP;
END
$$;

RESET ROLE;
