-- Leaving (spec 4.5), the second half: what the marks of 0022 let go.
--
-- No role of the run time gets a right to delete for it. The marks are written like any other row,
-- by a flush on the leaving user's behalf, and their triggers delete as beheard_owner, which the
-- policies `erase` let see, change and delete the rows of users under erasure and no others.
-- SQLSTATE BH005: nobody began the erasure of this user, or it cannot end yet.
--
-- Definer functions (docs/privacy.md): hub.erase_seat, hub.begin_erasure, hub.end_erasure,
-- hub.erase_person.
SET LOCAL ROLE beheard_owner;

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT e.*, CASE e.owner WHEN 'vesselId'
      THEN '(SELECT v."userId" FROM public."UserVessel" v WHERE v.id = "vesselId")'
      ELSE quote_ident(e.owner) END AS who
    FROM (VALUES
    ('public."Message"', 'forUserId', 'DELETE'),
    ('public."UserEvent"', 'vesselId', 'DELETE'),
    ('public."EmotionalReading"', 'vesselId', 'DELETE'),
    ('public."IdentifiedNeed"', 'vesselId', 'DELETE'),
    ('public."NeedClarification"', 'vesselId', 'DELETE'),
    ('public."Boundary"', 'vesselId', 'DELETE'),
    ('public."UserDocument"', 'vesselId', 'DELETE'),
    ('public."EmpathyDraft"', 'userId', 'DELETE'),
    ('public."EmotionalExerciseCompletion"', 'userId', 'DELETE'),
    ('public."SessionPrivate"', 'userId', 'DELETE'),
    ('public."ConsentedContent"', 'sourceUserId', 'DELETE'),
    ('public."EmpathyAttempt"', 'sourceUserId', 'DELETE'),
    ('public."EmpathyValidation"', 'userId', 'DELETE'),
    ('public."StrategyRanking"', 'userId', 'DELETE'),
    ('public."StrategyProposal"', 'createdByUserId', 'DELETE'),
    ('public."ConsentRecord"', 'userId', 'DELETE'),
    ('public."ContactMethod"', 'userId', 'DELETE'),
    ('public."ExternalIdentity"', 'userId', 'DELETE'),
    ('hub."SessionEvent"', 'userId', 'DELETE'),
    ('hub."CommandReceipt"', 'userId', 'DELETE'),
    ('hub."Reminder"', 'userId', 'DELETE'),
    ('hub."Nudge"', 'userId', 'DELETE'),
    ('hub."Notification"', 'userId', 'DELETE'),
    ('public."User"', 'id', 'UPDATE'),
    ('public."UserVessel"', 'userId', 'UPDATE'),
    ('public."StageProgress"', 'userId', 'UPDATE'),
    ('public."Invitation"', 'invitedById', 'UPDATE')) AS e ("table", owner, op)
  LOOP
    EXECUTE format('CREATE POLICY erase ON %s FOR %s TO beheard_owner USING'
      ' (hub.under_erasure(%s))', t."table", t.op, t.who);
    EXECUTE format('CREATE POLICY erase_seen ON %s FOR SELECT TO beheard_owner USING'
      ' (hub.under_erasure(%s))', t."table", t.who);
  END LOOP;
END
$$;

-- One seat, when its vessel is marked: everything of that user in that session. What both agreed on
-- stays. The reminders stay until the account's end, because turns under way settle them.
CREATE FUNCTION hub.erase_seat() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  s text := NEW."sessionId";
  u text := NEW."userId";
BEGIN
  IF NEW."erasedAt" IS NULL OR NOT hub.under_erasure(u) THEN
    RAISE EXCEPTION 'no erasure of this user was begun' USING ERRCODE = 'BH005';
  END IF;
  DELETE FROM public."Message" t WHERE t."sessionId" = s AND t."forUserId" = u;
  DELETE FROM public."EmpathyAttempt" t WHERE t."sessionId" = s AND t."sourceUserId" = u;
  DELETE FROM public."EmpathyValidation" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM public."EmpathyDraft" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM public."StrategyRanking" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM public."StrategyProposal" t WHERE t."sessionId" = s AND t."createdByUserId" = u;
  DELETE FROM public."ConsentedContent" t USING public."SharedVessel" v
    WHERE v."sessionId" = s AND t."sharedVesselId" = v.id AND t."sourceUserId" = u;
  DELETE FROM public."ConsentRecord" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM public."UserEvent" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."EmotionalReading" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."IdentifiedNeed" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."NeedClarification" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."Boundary" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."UserDocument" t WHERE t."vesselId" = NEW.id;
  DELETE FROM public."EmotionalExerciseCompletion" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM public."SessionPrivate" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM hub."SessionEvent" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM hub."CommandReceipt" t WHERE t."sessionId" = s AND t."userId" = u;
  DELETE FROM hub."Nudge" t WHERE t."sessionId" = s AND t."userId" = u;
  UPDATE public."UserVessel" t SET embedding = NULL, "embeddingModel" = NULL WHERE t.id = NEW.id;
  UPDATE public."StageProgress" t SET "gatesSatisfied" = '{}', "gatesAt" = '{}',
      "strategiesReadyRound" = NULL, "feedbackAcceptedAt" = NULL, "isSynthesisDirty" = true,
      "synthesisLastUpdated" = NULL
    WHERE t."sessionId" = s AND t."userId" = u;
  UPDATE public."Invitation" t SET email = NULL, phone = NULL, name = NULL, "declineReason" = NULL
    WHERE t."sessionId" = s AND t."invitedById" = u;
  RETURN NULL;
END
$$;
CREATE TRIGGER erase_seat AFTER UPDATE OF "erasedAt" ON "UserVessel"
  FOR EACH ROW EXECUTE FUNCTION hub.erase_seat();

-- Who the user was, and how the user could be reached. What stays of the row is the tombstone.
CREATE FUNCTION hub.erase_person(who text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE public."User" t SET email = NULL, name = 'former partner', "avatarUrl" = NULL,
      role = 'GUEST', "pushToken" = NULL, "pushPlatform" = NULL, "presenceShown" = true,
      "lastLoginAt" = NULL
    WHERE t.id = who;
  DELETE FROM public."ExternalIdentity" t WHERE t."userId" = who;
  DELETE FROM public."ContactMethod" t WHERE t."userId" = who;
  DELETE FROM hub."Notification" t WHERE t."userId" = who;
END
$$;

CREATE FUNCTION hub.begin_erasure() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM hub.erase_person(NEW."userId");
  RETURN NULL;
END
$$;
CREATE TRIGGER begin_erasure AFTER INSERT ON hub."Erasure"
  FOR EACH ROW EXECUTE FUNCTION hub.begin_erasure();

-- The lock waits for whoever puts in a row of this user at this moment (a foreign key holds the
-- user's row), so that a seat taken in the last instant is seen.
CREATE FUNCTION hub.end_erasure() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM FROM public."User" t WHERE t.id = NEW."userId" FOR UPDATE;
  IF NEW."finishedAt" IS NULL OR EXISTS (SELECT FROM public."UserVessel" t
      WHERE t."userId" = NEW."userId" AND t."erasedAt" IS NULL) THEN
    RAISE EXCEPTION 'a seat is not erased yet' USING ERRCODE = 'BH005';
  END IF;
  PERFORM hub.erase_person(NEW."userId");
  -- A flush writes its logs last: those of turns just before the seat's own are gone only now.
  DELETE FROM hub."SessionEvent" t WHERE t."userId" = NEW."userId" AND t."sessionId" IN (
    SELECT v."sessionId" FROM public."UserVessel" v WHERE v."userId" = NEW."userId");
  DELETE FROM hub."CommandReceipt" t WHERE t."userId" = NEW."userId" AND t."sessionId" IN (
    SELECT '' UNION ALL SELECT v."sessionId" FROM public."UserVessel" v
    WHERE v."userId" = NEW."userId");
  DELETE FROM hub."Reminder" t WHERE t."userId" = NEW."userId" AND t."firedAt" IS NOT NULL;
  DELETE FROM hub."Reminder" t WHERE t."userId" = NEW."userId" AND t."firedAt" IS NULL
    AND t."sessionId" IN (SELECT v."sessionId" FROM public."UserVessel" v
      WHERE v."userId" = NEW."userId");
  RETURN NULL;
END
$$;
CREATE TRIGGER end_erasure AFTER UPDATE OF "finishedAt" ON hub."Erasure"
  FOR EACH ROW EXECUTE FUNCTION hub.end_erasure();

REVOKE EXECUTE ON FUNCTION hub.erase_seat(), hub.erase_person(text), hub.begin_erasure(),
  hub.end_erasure() FROM PUBLIC;

RESET ROLE;
