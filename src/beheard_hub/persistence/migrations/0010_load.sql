-- How a session actor gets its facts (spec 4.2), and the look-ups before an actor is known.
--
-- hub.load_sessions(ids, callers) returns one row per session that exists:
--   "sessionId"  facts jsonb   names jsonb   seqs jsonb   receipts jsonb
-- Facts are ids, flags, enums, counters and times; no text of anybody is in them. Times are
-- ISO 8601 UTC with microseconds. Lists are in order of time, then id.
--
-- facts = {
--   "session": {id, relationshipId, createdById, status, createdAt, resolvedAt, outcome,
--     closeProposedById, pausedAt, pausedById, lastActivityAt, strategyPhase, strategyRound,
--     sharedVesselId},
--   "invitation": null | {id, invitedById, targetUserId, status, expiresAt, acceptedAt, declinedAt,
--     resendCount, lastSentAt, createdAt, hasName, hasEmail, hasPhone},
--       the newest; targetUserId is the other member of the relationship, if there is one already
--   "members": [{userId, vesselId}]      the creator first
--   "seats": {userId: {
--     "progress": [{id, stage, status, startedAt, completedAt, gatesSatisfied, gatesAt,
--       gatesLatched, strategiesReadyRound, feedbackAcceptedAt, isSynthesisDirty,
--       synthesisLastUpdated}],
--     "draft": null | {id, version, readyToShare},
--     "attempts": [{id, draftId, consentRecordId, sharedAt, supersededById}],
--     "validations": [{id, attemptId, validated, feedbackShared, hasFeedback, validatedAt}],
--       (written by this user)
--     "needs": [{id, category, confirmed, answeredAt, source}],
--     "clarifications": [{id, answeredAt}],
--     "events": [id], "boundaries": [id], "documents": [id],
--     "consents": [{id, contentType, targetId, requestedByUserId, decision, decidedAt, revokedAt,
--       metadata, createdAt}],
--     "rankings": [{round, rankedIds, submittedAt, id}],
--     "strategies": [{id, round, source}],
--     "readings": [{id, intensity, timestamp}],          (the newest 5, newest first)
--     "unanswered": [id],     (own USER messages that no AI message names in bundle.answers)
--     "aiTurn": id of the unfired ai_turn reminder | null,
--     "nudgedAt": time | null,
--     "hasPrivate": whether a "SessionPrivate" row exists,
--     "lastEventAt": time of the user's newest event | null,
--     "openedStage": highest stage in which the facilitator spoke to the user | null}},
--   "shared": {
--     "contents": [{id, sourceUserId, originalNeedId, consentActive, consentRecordId,
--       contentType}],
--     "commonGround": [{id, category, confirmedByA, confirmedByB, confirmedAt, sourceContentIds,
--       proposedById, stale}],
--     "strategies": [{id, round}],                       (of both users, and the hub's)
--     "agreements": [{id, type, status, agreedByA, agreedByB, agreedAt, followUpDate, completedAt,
--       proposalId, staleInput, createdAt}]},
--   "reminders": [{id, kind, userId, dueAt}],     (unfired; userId null: of the session)
--   "callers": {userId: {"relationships": [{id, partnerId, openSessionId}]}}
-- }
-- names = {userId: name | null}, and '' : the name that the inviter typed (null without one)
-- seqs = {userId: newest event seq, 0 without one}
-- receipts = {userId: [first 8 bytes of SHA-256 of the command id as a signed bigint]}, of 7 days,
--   of this session and of ''.
SET LOCAL ROLE beheard_owner;

CREATE FUNCTION hub.session_members(sessions text[])
  RETURNS TABLE ("sessionId" text, "userId" text, "vesselId" text)
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT v."sessionId", v."userId", v.id FROM public."UserVessel" v
    WHERE v."sessionId" = ANY (sessions)
$$;

CREATE FUNCTION hub.find_invitation(invitation text) RETURNS text
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT i."sessionId" FROM public."Invitation" i WHERE i.id = invitation
$$;

CREATE FUNCTION hub.invitation_preview(invitation text)
  RETURNS TABLE ("inviterName" text, status text, "createdAt" timestamptz, "expiresAt" timestamptz)
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT u.name, i.status::text, i."createdAt", i."expiresAt" FROM public."Invitation" i
    JOIN public."User" u ON u.id = i."invitedById" WHERE i.id = invitation
$$;

-- The user of an external identity, made on first sight. Two racing first sights give one user.
CREATE FUNCTION hub.provision_user(by_provider text, external_id text, by_name text, by_email text)
  RETURNS TABLE ("userId" text, role text, name text)
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  made text;
BEGIN
  FOR attempt IN 1..2 LOOP
    RETURN QUERY SELECT u.id, u.role::text, u.name FROM public."ExternalIdentity" e
      JOIN public."User" u ON u.id = e."userId"
      WHERE e.provider = by_provider AND e."externalId" = external_id;
    IF FOUND THEN
      RETURN;
    END IF;
    IF attempt = 1 THEN
      -- whoever waits here finds the other's row in the second look
      PERFORM pg_advisory_xact_lock(hashtextextended(by_provider || E'\n' || external_id, 1));
    END IF;
  END LOOP;
  made := gen_random_uuid()::text;
  INSERT INTO public."User" (id, name, role, "lastLoginAt") VALUES (made, by_name, 'USER', now());
  INSERT INTO public."ExternalIdentity" (id, "userId", provider, "externalId", email)
    VALUES (gen_random_uuid()::text, made, by_provider, external_id, by_email);
  RETURN QUERY SELECT made, 'USER', by_name;
END
$$;

-- Becomes somebody for the statements that follow. Not for callers: part of the loads below.
CREATE FUNCTION hub.become(actor text, in_session text, at_stage text) RETURNS void
  LANGUAGE sql VOLATILE AS $$
  SELECT set_config('app.actor_id', actor, true),
    set_config('app.actor_role', CASE actor WHEN '' THEN '' ELSE 'user' END, true),
    set_config('app.current_session_id', in_session, true),
    set_config('app.current_stage', at_stage, true)
$$;

CREATE FUNCTION hub.receipt_hashes(of_session text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_agg(
      ('x' || encode(substr(sha256(convert_to(r."commandId", 'UTF8')), 1, 8), 'hex'))
        ::bit(64)::bigint), '[]')
    FROM hub."CommandReceipt" r WHERE r."userId" = hub.actor_id()
      AND r."sessionId" IN (of_session, '') AND r.at > now() - interval '7 days');
END
$$;

-- The actor's own relationships: {"relationships": [{id, partnerId, openSessionId}]}
CREATE FUNCTION hub.relationship_facts() RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object('relationships', (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'id', m."relationshipId", 'partnerId', m."partnerId", 'openSessionId', o."sessionId")
      ORDER BY m."createdAt", m.id), '[]')
    FROM public."RelationshipMember" m
    LEFT JOIN hub.open_sessions() o ON o."relationshipId" = m."relationshipId"
    WHERE m."userId" = hub.actor_id()));
END
$$;

-- One seat, read as its user (hub.become has been called).
CREATE FUNCTION hub.seat_facts(s text, v text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'progress', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'stage', p.stage,
        'status', p.status, 'startedAt', p."startedAt", 'completedAt', p."completedAt",
        'gatesSatisfied', p."gatesSatisfied", 'gatesAt', p."gatesAt",
        'gatesLatched', p."gatesLatched", 'strategiesReadyRound', p."strategiesReadyRound",
        'feedbackAcceptedAt', p."feedbackAcceptedAt", 'isSynthesisDirty', p."isSynthesisDirty",
        'synthesisLastUpdated', p."synthesisLastUpdated") ORDER BY p.stage), '[]')
      FROM public."StageProgress" p
      WHERE p."sessionId" = s AND p."userId" = hub.actor_id()),
    'draft', (SELECT jsonb_build_object('id', d.id, 'version', d.version,
        'readyToShare', d."readyToShare") FROM public."EmpathyDraft" d
      WHERE d."sessionId" = s AND d."userId" = hub.actor_id()),
    'attempts', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'draftId', a."draftId",
        'consentRecordId', a."consentRecordId", 'sharedAt', a."sharedAt",
        'supersededById', a."supersededById") ORDER BY a."sharedAt", a.id), '[]')
      FROM public."EmpathyAttempt" a
      WHERE a."sessionId" = s AND a."sourceUserId" = hub.actor_id()),
    'validations', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', w.id,
        'attemptId', w."attemptId", 'validated', w.validated,
        'feedbackShared', w."feedbackShared", 'hasFeedback', w.feedback IS NOT NULL,
        'validatedAt', w."validatedAt") ORDER BY w."createdAt", w.id), '[]')
      FROM public."EmpathyValidation" w
      WHERE w."sessionId" = s AND w."userId" = hub.actor_id()),
    'needs', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'category', n.category,
        'confirmed', n.confirmed, 'answeredAt', n."answeredAt", 'source', n.source)
        ORDER BY n."createdAt", n.id), '[]')
      FROM public."IdentifiedNeed" n WHERE n."vesselId" = v),
    'clarifications', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id,
        'answeredAt', c."answeredAt") ORDER BY c."createdAt", c.id), '[]')
      FROM public."NeedClarification" c WHERE c."vesselId" = v),
    'events', (SELECT coalesce(jsonb_agg(e.id ORDER BY e.timestamp, e.id), '[]')
      FROM public."UserEvent" e WHERE e."vesselId" = v),
    'boundaries', (SELECT coalesce(jsonb_agg(b.id ORDER BY b."createdAt", b.id), '[]')
      FROM public."Boundary" b WHERE b."vesselId" = v),
    'documents', (SELECT coalesce(jsonb_agg(d.id ORDER BY d."createdAt", d.id), '[]')
      FROM public."UserDocument" d WHERE d."vesselId" = v),
    'consents', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id,
        'contentType', c."contentType", 'targetId', c."targetId",
        'requestedByUserId', c."requestedByUserId", 'decision', c.decision,
        'decidedAt', c."decidedAt", 'revokedAt', c."revokedAt", 'metadata', c.metadata,
        'createdAt', c."createdAt") ORDER BY c."createdAt", c.id), '[]')
      FROM public."ConsentRecord" c
      WHERE c."sessionId" = s AND c."userId" = hub.actor_id()),
    'rankings', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'round', r.round,
        'rankedIds', r."rankedIds", 'submittedAt', r."submittedAt") ORDER BY r.round), '[]')
      FROM public."StrategyRanking" r
      WHERE r."sessionId" = s AND r."userId" = hub.actor_id()),
    'strategies', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'round', p.round,
        'source', p.source) ORDER BY p."createdAt", p.id), '[]') FROM hub.own_strategies(s) p),
    'readings', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id,
        'intensity', e.intensity, 'timestamp', e.timestamp) ORDER BY e.timestamp DESC, e.id DESC),
        '[]')
      FROM (SELECT r.id, r.intensity, r.timestamp FROM public."EmotionalReading" r
        WHERE r."vesselId" = v ORDER BY r.timestamp DESC, r.id DESC LIMIT 5) e),
    'unanswered', (SELECT coalesce(jsonb_agg(m.id ORDER BY m.timestamp, m.id), '[]')
      FROM public."Message" m
      WHERE m."sessionId" = s AND m."forUserId" = hub.actor_id() AND m.role = 'USER'
        AND m.id NOT IN (SELECT jsonb_array_elements_text(a.bundle -> 'answers')
          FROM public."Message" a
          WHERE a."sessionId" = s AND a."forUserId" = hub.actor_id() AND a.role = 'AI')),
    'aiTurn', (SELECT r.id FROM hub."Reminder" r WHERE r."sessionId" = s
        AND r."userId" = hub.actor_id() AND r.kind = 'ai_turn' AND r."firedAt" IS NULL
      ORDER BY r."dueAt", r.id LIMIT 1),
    'nudgedAt', (SELECT max(n.at) FROM hub."Nudge" n
      WHERE n."sessionId" = s AND n."userId" = hub.actor_id()),
    'hasPrivate', EXISTS (SELECT FROM public."SessionPrivate" x
      WHERE x."sessionId" = s AND x."userId" = hub.actor_id()),
    'lastEventAt', (SELECT max(e.at) FROM hub."SessionEvent" e
      WHERE e."sessionId" = s AND e."userId" = hub.actor_id()),
    'openedStage', (SELECT max(m.stage) FROM public."Message" m
      WHERE m."sessionId" = s AND m."forUserId" = hub.actor_id() AND m.role = 'AI'));
END
$$;

-- What one user sees of the session itself and of the shared vessel, as lists to be merged.
CREATE FUNCTION hub.shared_facts(s text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  vessel text := (SELECT sv.id FROM public."SharedVessel" sv WHERE sv."sessionId" = s);
BEGIN
  RETURN jsonb_build_object(
    'session', (SELECT jsonb_build_object('id', x.id, 'relationshipId', x."relationshipId",
        'createdById', x."createdById", 'status', x.status, 'createdAt', x."createdAt",
        'resolvedAt', x."resolvedAt", 'outcome', x.outcome,
        'closeProposedById', x."closeProposedById", 'pausedAt', x."pausedAt",
        'pausedById', x."pausedById", 'lastActivityAt', x."lastActivityAt",
        'strategyPhase', x."strategyPhase", 'strategyRound', x."strategyRound",
        'sharedVesselId', vessel) FROM public."Session" x WHERE x.id = s),
    'invitation', (SELECT jsonb_build_object('id', i.id, 'invitedById', i."invitedById",
        'targetUserId', (SELECT m."partnerId" FROM public."Session" x
          JOIN public."RelationshipMember" m ON m."relationshipId" = x."relationshipId"
          WHERE x.id = s AND m."userId" = hub.actor_id()),
        'status', i.status, 'expiresAt', i."expiresAt", 'acceptedAt', i."acceptedAt",
        'declinedAt', i."declinedAt", 'resendCount', i."resendCount",
        'lastSentAt', i."lastSentAt", 'createdAt', i."createdAt", 'hasName', i.name IS NOT NULL,
        'hasEmail', i.email IS NOT NULL, 'hasPhone', i.phone IS NOT NULL)
      FROM public."Invitation" i WHERE i."sessionId" = s
      ORDER BY i."createdAt" DESC, i.id DESC LIMIT 1),
    'typedName', (SELECT i.name FROM public."Invitation" i WHERE i."sessionId" = s
      ORDER BY i."createdAt" DESC, i.id DESC LIMIT 1),
    'contents', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id,
        'sourceUserId', c."sourceUserId", 'originalNeedId', c."originalNeedId",
        'consentActive', c."consentActive", 'consentRecordId', c."consentRecordId",
        'contentType', c."contentType") ORDER BY c."createdAt", c.id), '[]')
      FROM public."ConsentedContent" c
      WHERE c."sharedVesselId" = vessel AND c."sourceUserId" = hub.actor_id()),
    'commonGround', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', g.id,
        'category', g.category, 'confirmedByA', g."confirmedByA",
        'confirmedByB', g."confirmedByB", 'confirmedAt', g."confirmedAt",
        'sourceContentIds', g."sourceContentIds", 'proposedById', g."proposedById",
        'stale', g.stale) ORDER BY g."createdAt", g.id), '[]')
      FROM public."CommonGround" g WHERE g."sharedVesselId" = vessel),
    'strategies', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'round', p.round)
        ORDER BY p.round, p.id), '[]')
      FROM public."StrategyProposal" p WHERE p."sessionId" = s),
    'agreements', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'type', a.type,
        'status', a.status, 'agreedByA', a."agreedByA", 'agreedByB', a."agreedByB",
        'agreedAt', a."agreedAt", 'followUpDate', a."followUpDate",
        'completedAt', a."completedAt", 'proposalId', a."proposalId",
        'staleInput', a."staleInput", 'createdAt', a."createdAt") ORDER BY a."createdAt", a.id),
        '[]')
      FROM public."Agreement" a WHERE a."sharedVesselId" = vessel),
    'reminders', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind,
        'userId', r."userId", 'dueAt', r."dueAt") ORDER BY r."dueAt", r.id), '[]')
      FROM hub."Reminder" r WHERE r."sessionId" = s AND r."firedAt" IS NULL));
END
$$;

-- What two users see of one list, each item once.
CREATE FUNCTION hub.merged(one jsonb, other jsonb) RETURNS jsonb IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF one IS NULL OR one = other OR one = '[]' THEN
    RETURN other;
  END IF;
  RETURN one || coalesce((SELECT jsonb_agg(o.item ORDER BY o.place)
    FROM jsonb_array_elements(other) WITH ORDINALITY o (item, place)
    WHERE NOT one @> jsonb_build_array(o.item)), '[]');
END
$$;

-- `callers`: {sessionId: [ids of users who are not members but ask]}; their receipts of '', their
-- relationships and name come too. The caller's role becomes beheard_app until its transaction
-- ends, and nobody is the actor afterwards.
CREATE FUNCTION hub.load_sessions(ids text[], callers jsonb)
  RETURNS TABLE ("sessionId" text, facts jsonb, names jsonb, seqs jsonb, receipts jsonb)
  LANGUAGE plpgsql AS $$
DECLARE
  s text;
  m record;
  members jsonb;
  seats jsonb;
  seen jsonb;
  shared jsonb;
  asking jsonb;
BEGIN
  PERFORM set_config('role', 'beheard_app', true), set_config('TimeZone', 'UTC', true);
  FOREACH s IN ARRAY ids LOOP
    members := '[]'; seats := '{}'; shared := NULL; asking := '{}';
    names := '{"": null}'; seqs := '{}'; receipts := '{}';
    FOR m IN SELECT u."userId", u."vesselId" FROM hub.session_members(ARRAY[s]) u LOOP
      PERFORM hub.become(m."userId", s, '4');
      seen := hub.shared_facts(s);
      IF seen -> 'session' ->> 'createdById' = m."userId" THEN
        members := jsonb_build_object('userId', m."userId", 'vesselId', m."vesselId") || members;
      ELSE
        members := members || jsonb_build_object('userId', m."userId", 'vesselId', m."vesselId");
      END IF;
      seats := seats || jsonb_build_object(m."userId", hub.seat_facts(s, m."vesselId"));
      names := names || (SELECT jsonb_object_agg(p."userId", p.name) FROM public."Person" p
        WHERE p."userId" = hub.actor_id() OR p."userId" = (
          SELECT r."partnerId" FROM public."RelationshipMember" r WHERE r."userId" = hub.actor_id()
            AND r."relationshipId" = seen -> 'session' ->> 'relationshipId'));
      IF seen -> 'typedName' <> 'null' THEN
        names := names || jsonb_build_object('', seen -> 'typedName');
      END IF;
      seqs := seqs || jsonb_build_object(m."userId", (SELECT coalesce(max(e.seq), 0)
        FROM hub."SessionEvent" e WHERE e."sessionId" = s AND e."userId" = hub.actor_id()));
      receipts := receipts || jsonb_build_object(m."userId", hub.receipt_hashes(s));
      shared := jsonb_build_object(
        'session', seen -> 'session',
        'invitation', coalesce(nullif(seen -> 'invitation', 'null'), shared -> 'invitation'),
        'contents', hub.merged(shared -> 'contents', seen -> 'contents'),
        'commonGround', hub.merged(shared -> 'commonGround', seen -> 'commonGround'),
        'strategies', hub.merged(shared -> 'strategies', seen -> 'strategies'),
        'agreements', hub.merged(shared -> 'agreements', seen -> 'agreements'),
        'reminders', hub.merged(shared -> 'reminders', seen -> 'reminders'));
    END LOOP;
    FOR m IN SELECT c AS "userId" FROM jsonb_array_elements_text(callers -> s) c
        WHERE NOT seats ? c LOOP
      PERFORM hub.become(m."userId", '', '');
      asking := asking || jsonb_build_object(m."userId", hub.relationship_facts());
      names := names || coalesce((SELECT jsonb_build_object(p."userId", p.name)
        FROM public."Person" p WHERE p."userId" = hub.actor_id()), '{}');
      receipts := receipts || jsonb_build_object(m."userId", hub.receipt_hashes(''));
    END LOOP;
    IF shared IS NOT NULL AND shared -> 'session' <> 'null' THEN
      "sessionId" := s;
      facts := jsonb_build_object('session', shared -> 'session',
        'invitation', shared -> 'invitation', 'members', members, 'seats', seats,
        'shared', shared - ARRAY['session', 'invitation', 'reminders'],
        'reminders', shared -> 'reminders', 'callers', asking);
      RETURN NEXT;
    END IF;
  END LOOP;
  PERFORM hub.become('', '', '');
END
$$;

-- Facts about one user outside any session, in the same shape ("sessionId" is 'user:<id>'):
-- facts = {"user": {id, role}, "relationships": [{id, partnerId, openSessionId}]}; names of the
-- user and the partners; receipts of ''. No row when there is no such user.
CREATE FUNCTION hub.load_directory(user_id text)
  RETURNS TABLE ("sessionId" text, facts jsonb, names jsonb, seqs jsonb, receipts jsonb)
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', 'beheard_app', true), set_config('TimeZone', 'UTC', true);
  PERFORM hub.become(user_id, '', '');
  "sessionId" := 'user:' || user_id;
  SELECT jsonb_build_object('user', jsonb_build_object('id', u.id, 'role', u.role))
    || hub.relationship_facts() INTO facts FROM public."User" u WHERE u.id = hub.actor_id();
  names := (SELECT jsonb_object_agg(p."userId", p.name) FROM public."Person" p);
  seqs := '{}';
  receipts := jsonb_build_object(user_id, hub.receipt_hashes(''));
  PERFORM hub.become('', '', '');
  IF facts IS NOT NULL THEN
    RETURN NEXT;
  END IF;
END
$$;

GRANT EXECUTE ON FUNCTION hub.session_members(text[]), hub.become(text, text, text),
  hub.receipt_hashes(text), hub.relationship_facts(), hub.seat_facts(text, text),
  hub.shared_facts(text), hub.merged(jsonb, jsonb)
  TO beheard_app;
GRANT EXECUTE ON FUNCTION hub.load_sessions(text[], jsonb), hub.load_directory(text),
  hub.find_invitation(text), hub.invitation_preview(text),
  hub.provision_user(text, text, text, text)
  TO beheard_app, beheard_login;

RESET ROLE;
