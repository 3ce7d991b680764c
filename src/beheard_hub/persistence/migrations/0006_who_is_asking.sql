-- Who is asking, and what that person is proven to belong to (spec 4.2).
--
-- The locals are claims. `hub.actor_id()` and its sisters read them; a policy calls them as
-- `(select hub.actor_id())`, so that they are evaluated once per query. Membership is proven by the
-- actor's own row in "UserVessel": everyone who is in a session has one from the moment of joining.
-- No policy concludes anything from app.current_session_id alone.
--
-- Nothing set, an empty value or garbage reads as NULL, and NULL sees nothing.
SET LOCAL ROLE beheard_owner;

CREATE FUNCTION hub.actor_id() RETURNS text STABLE LANGUAGE sql
  RETURN nullif(current_setting('app.actor_id', true), '');

CREATE FUNCTION hub.actor_role() RETURNS text STABLE LANGUAGE sql
  RETURN nullif(current_setting('app.actor_role', true), '');

CREATE FUNCTION hub.current_session_id() RETURNS text STABLE LANGUAGE sql
  RETURN nullif(current_setting('app.current_session_id', true), '');

CREATE FUNCTION hub.current_stage() RETURNS int STABLE LANGUAGE sql
  RETURN CASE WHEN current_setting('app.current_stage', true) ~ '^[0-4]$'
    THEN current_setting('app.current_stage', true)::int END;

-- The writer's local: {sessionId: [ids of the users on whose behalf rows are written]}.
CREATE FUNCTION hub.writing() RETURNS jsonb STABLE LANGUAGE sql
  RETURN nullif(current_setting('app.writing', true), '')::jsonb;

-- All users in hub.writing(), for the few rows that belong to no session.
CREATE FUNCTION hub.writers() RETURNS text[] STABLE LANGUAGE sql
  RETURN ARRAY(SELECT jsonb_array_elements_text(w.value) FROM jsonb_each(hub.writing()) w);

-- A person reading for herself, in whatever session.
CREATE FUNCTION hub.as_user() RETURNS boolean STABLE LANGUAGE sql
  RETURN hub.actor_role() = 'user';

-- The one session in which a facilitator reads; NULL for everybody else.
CREATE FUNCTION hub.ai_session() RETURNS text STABLE LANGUAGE sql
  RETURN CASE WHEN hub.actor_role() = 'ai' THEN hub.current_session_id() END;

-- The two lists below are read with the caller's rights through the caller's own vessel rows.
CREATE FUNCTION hub.my_sessions() RETURNS text[] STABLE LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY(SELECT v."sessionId" FROM public."UserVessel" v
    WHERE v."userId" = hub.actor_id() AND (hub.as_user() OR v."sessionId" = hub.ai_session()));
END
$$;

CREATE FUNCTION hub.my_vessels() RETURNS text[] STABLE LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY(SELECT v.id FROM public."UserVessel" v
    WHERE v."userId" = hub.actor_id() AND (hub.as_user() OR v."sessionId" = hub.ai_session()));
END
$$;

-- ---- Definer functions: THE LIST ----------------------------------------------------------------
-- They see past row-level security as beheard_owner, which has a read policy on the tables named.
-- Each has an empty search path, proves what it must itself, and returns ids and flags except where
-- it says otherwise. docs/privacy.md repeats this list and a test compares it with pg_proc.
--
--   hub.give_seat, hub.hold_to_consent, hub.take_back     triggers (0002, 0004)
--   hub.member_of(session, user)         is this user in this session (has a vessel)
--   hub.my_shared_vessels()              shared vessels of the sessions that the actor is in
--   hub.earlier_vessels()                ai: own vessels of earlier sessions of the relationship
--   hub.earlier_agreements()             ai: shared vessels of its RESOLVED sessions
--   hub.attempt_shown(session)           both have an active empathy attempt, one is the actor's
--   hub.attempt_in_force(record)         consent behind an attempt is granted and not revoked
--   hub.has_ranked(session, round)       the actor has ranked that round
--   hub.is_role(role)                    actor claims a role and "User".role says the same
--   hub.partner_progress()               behind view "PartnerProgress": stage and status
--   hub.people()                         behind view "Person": own and partners' name and avatar
--   hub.validation_of_mine()             behind view "PartnerValidation": shared feedback text
--   hub.invitations_seen()               behind view "InvitationSeen": no address, no typed name
--   hub.own_strategies(session)          the actor's own proposals with their source
--   hub.open_sessions()                  open session of each own relationship
--   hub.session_overview()               staff and admin: id and status of sessions
--   hub.session_members(sessions)        0010: who has a vessel in a session (before an actor is)
--   hub.find_invitation(id)              0010: session of an invitation (before an actor is known)
--   hub.invitation_preview(id)           0010: public preview: inviter's name, status, dates
--   hub.provision_user(...)              0010: user of an external identity, made on first sight

CREATE FUNCTION hub.my_shared_vessels() RETURNS text[]
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN ARRAY(SELECT s.id FROM public."UserVessel" v
    JOIN public."SharedVessel" s ON s."sessionId" = v."sessionId"
    WHERE v."userId" = hub.actor_id() AND (hub.as_user() OR v."sessionId" = hub.ai_session()));
END
$$;

CREATE FUNCTION hub.member_of(in_session text, in_user text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT FROM public."UserVessel" v
    WHERE v."userId" = in_user AND v."sessionId" = in_session);
END
$$;

CREATE FUNCTION hub.earlier_vessels() RETURNS text[]
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF hub.ai_session() IS NULL OR (hub.current_stage() IN (1, 2)) IS NOT TRUE
     OR NOT hub.member_of(hub.ai_session(), hub.actor_id()) THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(SELECT v.id FROM public."Session" cur
    JOIN public."Session" s ON s."relationshipId" = cur."relationshipId"
      AND s.id <> cur.id AND s."createdAt" <= cur."createdAt"
    JOIN public."UserVessel" v ON v."sessionId" = s.id AND v."userId" = hub.actor_id()
    WHERE cur.id = hub.ai_session());
END
$$;

CREATE FUNCTION hub.earlier_agreements() RETURNS text[]
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF hub.ai_session() IS NULL OR (hub.current_stage() IN (0, 4)) IS NOT TRUE
     OR NOT hub.member_of(hub.ai_session(), hub.actor_id()) THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(SELECT sv.id FROM public."Session" cur
    JOIN public."Session" s ON s."relationshipId" = cur."relationshipId"
      AND s.id <> cur.id AND s.status = 'RESOLVED'
    JOIN public."UserVessel" v ON v."sessionId" = s.id AND v."userId" = hub.actor_id()
    JOIN public."SharedVessel" sv ON sv."sessionId" = s.id
    WHERE cur.id = hub.ai_session());
END
$$;

CREATE FUNCTION hub.attempt_in_force(record text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT FROM public."ConsentRecord" c
    WHERE c.id = record AND c.decision = 'GRANTED' AND c."revokedAt" IS NULL);
END
$$;

CREATE FUNCTION hub.attempt_shown(in_session text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN (SELECT count(DISTINCT a."sourceUserId") = 2
      AND coalesce(bool_or(a."sourceUserId" = hub.actor_id()), false)
    FROM public."EmpathyAttempt" a
    JOIN public."ConsentRecord" c ON c.id = a."consentRecordId"
    WHERE a."sessionId" = in_session AND a."supersededById" IS NULL
      AND c.decision = 'GRANTED' AND c."revokedAt" IS NULL);
END
$$;

CREATE FUNCTION hub.has_ranked(in_session text, in_round int) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT FROM public."StrategyRanking" r
    WHERE r."sessionId" = in_session AND r."userId" = hub.actor_id() AND r.round = in_round);
END
$$;

CREATE FUNCTION hub.is_role(claimed text) RETURNS boolean
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN hub.actor_role() = claimed AND EXISTS (SELECT FROM public."User" u
    WHERE u.id = hub.actor_id() AND u.role::text = upper(claimed));
END
$$;

CREATE FUNCTION hub.partner_progress()
  RETURNS TABLE ("sessionId" text, "userId" text, stage int, status public."StageStatus")
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 5 AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT p."sessionId", p."userId", p.stage, p.status
      FROM public."UserVessel" mine
      JOIN public."StageProgress" p ON p."sessionId" = mine."sessionId"
      WHERE mine."userId" = hub.actor_id() AND p."userId" <> hub.actor_id()
        AND (hub.current_session_id() IS NULL OR p."sessionId" = hub.current_session_id());
  END IF;
END
$$;

CREATE FUNCTION hub.people() RETURNS TABLE ("userId" text, name text, "avatarUrl" text)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 5 AS $$
BEGIN
  IF hub.as_user() OR hub.member_of(hub.ai_session(), hub.actor_id()) THEN
    RETURN QUERY SELECT u.id, u.name, u."avatarUrl" FROM public."User" u
      WHERE u.id = ANY (hub.actor_id() || ARRAY(
        SELECT m."partnerId" FROM public."RelationshipMember" m
        WHERE m."userId" = hub.actor_id() AND (hub.as_user() OR m."relationshipId" = (
          SELECT s."relationshipId" FROM public."Session" s WHERE s.id = hub.ai_session()))));
  END IF;
END
$$;

-- Of a validation that is neither true nor shared, not even the existence is seen.
CREATE FUNCTION hub.validation_of_mine()
  RETURNS TABLE (id text, "attemptId" text, "sessionId" text, "userId" text, validated boolean,
    feedback text, "feedbackShared" boolean, "validatedAt" timestamptz, "createdAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 3 AS $$
BEGIN
  RETURN QUERY SELECT v.id, v."attemptId", v."sessionId", v."userId", v.validated,
      CASE WHEN v."feedbackShared" THEN v.feedback END, v."feedbackShared",
      CASE WHEN v.validated OR v."feedbackShared" THEN v."validatedAt" END, v."createdAt"
    FROM public."EmpathyAttempt" a
    JOIN public."EmpathyValidation" v ON v."attemptId" = a.id AND v."userId" <> hub.actor_id()
    WHERE a."sourceUserId" = hub.actor_id() AND a."sessionId" = ANY (hub.my_sessions())
      AND (v.validated OR v."feedbackShared");
END
$$;

CREATE FUNCTION hub.invitations_seen()
  RETURNS TABLE (id text, "sessionId" text, "invitedById" text,
    status public."InvitationStatus", "expiresAt" timestamptz, "acceptedAt" timestamptz,
    "createdAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 3 AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT i.id, i."sessionId", i."invitedById", i.status, i."expiresAt",
        i."acceptedAt", i."createdAt"
      FROM public."UserVessel" mine
      JOIN public."Invitation" i ON i."sessionId" = mine."sessionId"
      WHERE mine."userId" = hub.actor_id();
  END IF;
END
$$;

CREATE FUNCTION hub.own_strategies(in_session text)
  RETURNS TABLE (id text, round int, source public."StrategySource", "createdAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 5 AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT p.id, p.round, p.source, p."createdAt" FROM public."StrategyProposal" p
      WHERE p."sessionId" = in_session AND p."createdByUserId" = hub.actor_id();
  END IF;
END
$$;

CREATE FUNCTION hub.open_sessions() RETURNS TABLE ("relationshipId" text, "sessionId" text)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 3 AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT s."relationshipId", s.id FROM public."RelationshipMember" m
      JOIN public."Session" s ON s."relationshipId" = m."relationshipId"
        AND s.status NOT IN ('RESOLVED', 'ABANDONED')
      WHERE m."userId" = hub.actor_id();
  END IF;
END
$$;

CREATE FUNCTION hub.session_overview()
  RETURNS TABLE (id text, status public."SessionStatus")
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF hub.is_role('staff') OR hub.is_role('admin') THEN
    RETURN QUERY SELECT s.id, s.status FROM public."Session" s;
  END IF;
END
$$;

GRANT EXECUTE ON FUNCTION
  hub.actor_id(), hub.actor_role(), hub.current_session_id(), hub.current_stage(),
  hub.as_user(), hub.ai_session()
  TO beheard_app, beheard_writer;
GRANT EXECUTE ON FUNCTION hub.writing(), hub.writers() TO beheard_writer;
GRANT EXECUTE ON FUNCTION
  hub.my_sessions(), hub.my_vessels(), hub.my_shared_vessels(), hub.earlier_vessels(),
  hub.earlier_agreements(), hub.attempt_in_force(text), hub.attempt_shown(text),
  hub.has_ranked(text, int), hub.is_role(text), hub.partner_progress(), hub.people(),
  hub.validation_of_mine(), hub.invitations_seen(), hub.own_strategies(text),
  hub.open_sessions(), hub.session_overview()
  TO beheard_app;

RESET ROLE;
