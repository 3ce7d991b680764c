-- An identity that somebody proved is linked to the row of whoever proved it (spec 08). A guest becomes
-- a user and keeps the row; where the identity is another user's, the guest's rows move there and the
-- guest's row goes, in this one transaction.
--
-- hub.merge_rules() says of every column that names a user what becomes of it; a test compares it
-- with the catalogue, so that no table is forgotten that comes later. What moves is changed by
-- beheard_owner under the policies made from it here, which reach the rows of the guest
-- app.merging and no others. What neither moves nor is refused goes with the guest's row.
--
-- Definer functions (docs/walls.md):
--   hub.link_identity(provider, subject, e-mail)   the actor's; the token was verified before
--   hub.merge_guest(guest, user)                   called by it alone
SET LOCAL ROLE beheard_owner;

--   moves      the user's from now on
--   contact    moves, but never as the first one, where the user has not the same
--   receipt    moves where the user has not used that id
--   timer      moves with its session; what was to happen to the guest alone goes
--   mediation  a guest who is in one is never merged, so there is none
--   refused    a guest has none, or is not merged
--   stays      a log of ids
CREATE FUNCTION hub.merge_rules() RETURNS TABLE ("table" text, "column" text, rule text)
  IMMUTABLE LANGUAGE sql AS $$
  VALUES
    ('public."ContactMethod"', 'userId', 'contact'),
    ('public."ExternalIdentity"', 'userId', 'refused'),
    ('public."RelationshipMember"', 'userId', 'mediation'),
    ('public."RelationshipMember"', 'partnerId', 'mediation'),
    ('public."Session"', 'createdById', 'mediation'),
    ('public."Session"', 'closeProposedById', 'mediation'),
    ('public."Session"', 'pausedById', 'mediation'),
    ('public."SessionPrivate"', 'userId', 'mediation'),
    ('public."Invitation"', 'invitedById', 'mediation'),
    ('public."StageProgress"', 'userId', 'mediation'),
    ('public."UserVessel"', 'userId', 'mediation'),
    ('public."Message"', 'forUserId', 'mediation'),
    ('public."Message"', 'senderId', 'mediation'),
    ('public."EmpathyDraft"', 'userId', 'mediation'),
    ('public."EmotionalExerciseCompletion"', 'userId', 'mediation'),
    ('public."ConsentRecord"', 'userId', 'mediation'),
    ('public."ConsentRecord"', 'requestedByUserId', 'mediation'),
    ('public."ConsentedContent"', 'sourceUserId', 'mediation'),
    ('public."EmpathyAttempt"', 'sourceUserId', 'mediation'),
    ('public."EmpathyValidation"', 'userId', 'mediation'),
    ('public."CommonGround"', 'proposedById', 'mediation'),
    ('public."StrategyProposal"', 'createdByUserId', 'mediation'),
    ('public."StrategyRanking"', 'userId', 'mediation'),
    ('public."GlobalLibraryItem"', 'contributedBy', 'moves'),
    ('hub."SessionEvent"', 'userId', 'moves'),
    ('hub."CommandReceipt"', 'userId', 'receipt'),
    ('hub."Reminder"', 'userId', 'timer'),
    ('hub."Nudge"', 'userId', 'mediation'),
    ('hub."Notification"', 'userId', 'moves'),
    ('hub."AuditLog"', 'actorId', 'stays'),
    ('hub."Erasure"', 'userId', 'refused'),
    ('hub."AiUsage"', 'userId', 'mediation'),
    ('hub."MergedGuest"', 'guestId', 'stays'),
    ('hub."MergedGuest"', 'userId', 'refused'),
    ('practice."Invitation"', 'linkedUserId', 'moves'),
    ('practice."Invitation"', 'createdById', 'moves'),
    ('practice."ConversationSession"', 'userId', 'moves'),
    ('practice."UsageLog"', 'userId', 'moves'),
    ('practice."ObservationNote"', 'researcherId', 'moves'),
    ('practice."TelemetryEvent"', 'userId', 'moves')
$$;

DO $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT * FROM hub.merge_rules() m
    WHERE m.rule IN ('moves', 'contact', 'receipt', 'timer')
  LOOP
    EXECUTE format('CREATE POLICY %1$I ON %2$s FOR UPDATE TO beheard_owner'
      ' USING (%3$I = current_setting(''app.merging'', true))'
      ' WITH CHECK (%3$I = current_setting(''app.merged_into'', true))',
      'merge_' || r."column", r."table", r."column");
    EXECUTE format('CREATE POLICY %1$I ON %2$s FOR SELECT TO beheard_owner'
      ' USING (%3$I IN (current_setting(''app.merging'', true),'
      ' current_setting(''app.merged_into'', true)))',
      'merge_seen_' || r."column", r."table", r."column");
  END LOOP;
END
$$;

-- The two rows that are being linked, or merged; nobody who has an identity goes, whatever is asked.
CREATE POLICY merge ON "User" FOR UPDATE TO beheard_owner
  USING (id IN (current_setting('app.merging', true), current_setting('app.merged_into', true)));
CREATE POLICY merged ON "User" FOR DELETE TO beheard_owner
  USING (id = current_setting('app.merging', true) AND role = 'GUEST' AND NOT EXISTS (
    SELECT FROM "ExternalIdentity" e WHERE e."userId" = "User".id));
CREATE POLICY merge ON hub."MergedGuest" FOR INSERT TO beheard_owner
  WITH CHECK ("guestId" = current_setting('app.merging', true)
    AND "userId" = current_setting('app.merged_into', true));
CREATE POLICY link ON "ContactMethod" FOR INSERT TO beheard_owner
  WITH CHECK (verified AND "userId" = current_setting('app.merging', true));
CREATE POLICY link ON hub."AuditLog" FOR INSERT TO beheard_owner
  WITH CHECK ("actorRole" = 'user' AND action = 'identity.link');

-- What of the guest's moves, and what goes with the row. The caller holds both rows.
CREATE FUNCTION hub.merge_guest(guest text, into_user text) RETURNS void
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT * FROM hub.merge_rules() m WHERE m.rule = 'moves' LOOP
    EXECUTE format('UPDATE %1$s SET %2$I = $2 WHERE %2$I = $1', r."table", r."column")
      USING guest, into_user;
  END LOOP;
  UPDATE public."ContactMethod" t SET "userId" = into_user, "primary" = false
    WHERE t."userId" = guest AND NOT EXISTS (SELECT FROM public."ContactMethod" o
      WHERE o."userId" = into_user AND o.type = t.type AND lower(o.value) = lower(t.value));
  UPDATE hub."CommandReceipt" t SET "userId" = into_user
    WHERE t."userId" = guest AND NOT EXISTS (SELECT FROM hub."CommandReceipt" o
      WHERE o."userId" = into_user AND o."sessionId" = t."sessionId"
        AND o."commandId" = t."commandId");
  UPDATE hub."Reminder" t SET "userId" = into_user
    WHERE t."userId" = guest AND t."sessionId" IS NOT NULL;
  INSERT INTO hub."MergedGuest" ("guestId", "userId") VALUES (guest, into_user);
  DELETE FROM public."User" t WHERE t.id = guest;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a guest is merged' USING ERRCODE = 'BH007';
  END IF;
END
$$;

-- A verified e-mail is a contact of whoever proved it, unless it is somebody's already; the first one
-- is the address of the profile. The caller holds the row.
CREATE FUNCTION hub.note_email(of_user text, address text) RETURNS void
  VOLATILE LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  first_one boolean;
BEGIN
  first_one := NOT EXISTS (SELECT FROM public."ContactMethod" c
    WHERE c."userId" = of_user AND c.type = 'email' AND c."primary");
  INSERT INTO public."ContactMethod" (id, "userId", type, value, verified, "primary")
    VALUES (gen_random_uuid()::text, of_user, 'email', lower(address), true, first_one);
  IF first_one AND NOT EXISTS (SELECT FROM public."User" u
      WHERE lower(u.email) = lower(address)) THEN
    UPDATE public."User" u SET email = lower(address) WHERE u.id = of_user;
  END IF;
EXCEPTION WHEN unique_violation THEN
  RETURN;
END
$$;

-- Whether somebody is in a mediation. Who is has a vessel, from the moment of joining; the other
-- three are older than the vessel in the same commit.
CREATE FUNCTION hub.in_mediation(who text) RETURNS boolean
  STABLE LANGUAGE sql SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM public."UserVessel" v WHERE v."userId" = who)
    OR EXISTS (SELECT FROM public."RelationshipMember" m WHERE m."userId" = who)
    OR EXISTS (SELECT FROM public."Session" s WHERE s."createdById" = who)
    OR EXISTS (SELECT FROM public."Invitation" i WHERE i."invitedById" = who)
$$;

-- LINKED, UNCHANGED (it was the actor's already), MERGED (with the user whose it is), or nothing was
-- done: UNKNOWN (no actor, or one who leaves), HAS_IDENTITY (it is somebody else's, and the actor is
-- no guest), IN_MEDIATION (likewise, and the guest is in one), LEAVING (whose it is leaves).
CREATE FUNCTION hub.link_identity(by_provider text, external_id text, by_email text)
  RETURNS TABLE (outcome text, "userId" text)
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  who text := CASE WHEN hub.as_user() THEN hub.actor_id() END;
  had public."Role";
  holder text;
BEGIN
  -- as in hub.provision_user: whoever waits here finds what the other one did
  PERFORM pg_advisory_xact_lock(hashtextextended(by_provider || E'\n' || external_id, 1));
  SELECT e."userId" INTO holder FROM public."ExternalIdentity" e
    WHERE e.provider = by_provider AND e."externalId" = external_id;
  PERFORM set_config('app.merging', coalesce(who, ''), true),
    set_config('app.merged_into', coalesce(holder, ''), true);
  -- the lock holds off whatever would take the guest into a mediation at this moment
  SELECT u.role INTO had FROM public."User" u
    WHERE u.id = who AND NOT hub.under_erasure(u.id) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'UNKNOWN', who;
    RETURN;
  END IF;
  PERFORM FROM public."User" u WHERE u.id = holder AND u.id <> who FOR UPDATE;
  outcome := CASE
    WHEN holder = who THEN 'UNCHANGED'
    WHEN holder IS NULL THEN 'LINKED'
    WHEN had <> 'GUEST' OR EXISTS (SELECT FROM public."ExternalIdentity" e
      WHERE e."userId" = who) THEN 'HAS_IDENTITY'
    WHEN hub.in_mediation(who) THEN 'IN_MEDIATION'
    WHEN hub.under_erasure(holder) THEN 'LEAVING'
    ELSE 'MERGED' END;
  IF outcome = 'LINKED' THEN
    INSERT INTO public."ExternalIdentity" (id, "userId", provider, "externalId", email)
      VALUES (gen_random_uuid()::text, who, by_provider, external_id, lower(by_email));
    UPDATE public."User" u SET role = CASE had WHEN 'GUEST' THEN 'USER' ELSE had END,
      "lastLoginAt" = now() WHERE u.id = who;
    PERFORM hub.note_email(who, by_email);
  ELSIF outcome = 'MERGED' THEN
    PERFORM hub.merge_guest(who, holder);
    UPDATE public."User" u SET "lastLoginAt" = now() WHERE u.id = holder;
  END IF;
  IF outcome <> 'UNCHANGED' THEN
    INSERT INTO hub."AuditLog" (id, "actorId", "actorRole", action, target, outcome)
      VALUES (gen_random_uuid()::text, who, 'user', 'identity.link',
        jsonb_build_object('userId', holder), outcome);
  END IF;
  RETURN QUERY SELECT outcome, CASE outcome WHEN 'MERGED' THEN holder ELSE who END;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.merge_rules(), hub.merge_guest(text, text),
  hub.note_email(text, text), hub.in_mediation(text), hub.link_identity(text, text, text)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.link_identity(text, text, text) TO beheard_app;

RESET ROLE;
