-- hub.load_sessions at less than half its cost; what it answers stays as 0010, 0024 and 0031 say.
--
-- Nearly all of a load was what Postgres does before it reads: each list of each seat was a sort, an
-- aggregate and an object to be set up, though most lists of most sessions are empty. Now one
-- statement looks, as the same user and under the same policies, which lists have anything, and only
-- those are read. A seat's events and the partner's id are read once, names only where they are not
-- known yet, and hub.session_members looks its few users up one by one, whatever the planner
-- believes of the length of an array.
SET LOCAL ROLE beheard_owner;

CREATE OR REPLACE FUNCTION hub.session_members(sessions text[])
  RETURNS TABLE ("sessionId" text, "userId" text, "vesselId" text, erased boolean,
    "presenceShown" boolean)
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT v."sessionId", v."userId", v.id, v."erasedAt" IS NOT NULL,
      (SELECT u."presenceShown" FROM public."User" u WHERE u.id = v."userId")
    FROM public."UserVessel" v WHERE v."sessionId" = ANY (sessions)
$$;

DROP FUNCTION hub.seat_facts(text, text);
DROP FUNCTION hub.shared_facts(text);

-- What one user sees of the session itself and of the shared vessel, as lists to be merged, and for
-- the load: the name that the inviter typed, and the partner's id. Null where the session is not seen.
CREATE FUNCTION hub.shared_facts(s text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  x public."Session";
  i public."Invitation";
  vessel text;
  partner text;
  has record;
  facts jsonb := '{"invitation": null, "typedName": null, "contents": [], "commonGround": [],
    "strategies": [], "agreements": []}';
BEGIN
  SELECT * INTO x FROM public."Session" y WHERE y.id = s;
  IF x.id IS NULL THEN
    RETURN NULL;
  END IF;
  vessel := (SELECT sv.id FROM public."SharedVessel" sv WHERE sv."sessionId" = s);
  partner := (SELECT m."partnerId" FROM public."RelationshipMember" m
    WHERE m."relationshipId" = x."relationshipId" AND m."userId" = hub.actor_id());
  facts := facts || jsonb_build_object(
    'partnerId', partner,
    'session', jsonb_build_object('id', x.id, 'relationshipId', x."relationshipId",
      'createdById', x."createdById", 'status', x.status, 'createdAt', x."createdAt",
      'resolvedAt', x."resolvedAt", 'outcome', x.outcome,
      'closeProposedById', x."closeProposedById", 'pausedAt', x."pausedAt",
      'pausedById', x."pausedById", 'lastActivityAt', x."lastActivityAt",
      'strategyPhase', x."strategyPhase", 'strategyRound', x."strategyRound",
      'sharedVesselId', vessel),
    'reminders', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind,
        'userId', r."userId", 'dueAt', r."dueAt") ORDER BY r."dueAt", r.id), '[]')
      FROM hub."Reminder" r WHERE r."sessionId" = s AND r."firedAt" IS NULL));
  SELECT * INTO i FROM public."Invitation" j WHERE j."sessionId" = s
    ORDER BY j."createdAt" DESC, j.id DESC LIMIT 1;
  IF i.id IS NOT NULL THEN
    facts := facts || jsonb_build_object('typedName', i.name, 'invitation', jsonb_build_object(
      'id', i.id, 'invitedById', i."invitedById", 'targetUserId', partner, 'status', i.status,
      'expiresAt', i."expiresAt", 'acceptedAt', i."acceptedAt", 'declinedAt', i."declinedAt",
      'resendCount', i."resendCount", 'lastSentAt', i."lastSentAt", 'createdAt', i."createdAt",
      'hasName', i.name IS NOT NULL, 'hasEmail', i.email IS NOT NULL,
      'hasPhone', i.phone IS NOT NULL));
  END IF;
  SELECT
    EXISTS (SELECT FROM public."ConsentedContent" c WHERE c."sharedVesselId" = vessel
      AND c."sourceUserId" = hub.actor_id()) AS contents,
    EXISTS (SELECT FROM public."CommonGround" g WHERE g."sharedVesselId" = vessel) AS ground,
    EXISTS (SELECT FROM public."StrategyProposal" p WHERE p."sessionId" = s) AS strategies,
    EXISTS (SELECT FROM public."Agreement" a WHERE a."sharedVesselId" = vessel) AS agreements
    INTO has;
  IF has.contents THEN
    facts := facts || jsonb_build_object('contents', (SELECT jsonb_agg(jsonb_build_object(
        'id', c.id, 'sourceUserId', c."sourceUserId", 'originalNeedId', c."originalNeedId",
        'consentActive', c."consentActive", 'consentRecordId', c."consentRecordId",
        'contentType', c."contentType") ORDER BY c."createdAt", c.id)
      FROM public."ConsentedContent" c
      WHERE c."sharedVesselId" = vessel AND c."sourceUserId" = hub.actor_id()));
  END IF;
  IF has.ground THEN
    facts := facts || jsonb_build_object('commonGround', (SELECT jsonb_agg(jsonb_build_object(
        'id', g.id, 'category', g.category, 'confirmedByA', g."confirmedByA",
        'confirmedByB', g."confirmedByB", 'confirmedAt', g."confirmedAt",
        'sourceContentIds', g."sourceContentIds", 'proposedById', g."proposedById",
        'stale', g.stale) ORDER BY g."createdAt", g.id)
      FROM public."CommonGround" g WHERE g."sharedVesselId" = vessel));
  END IF;
  IF has.strategies THEN
    facts := facts || jsonb_build_object('strategies', (SELECT jsonb_agg(jsonb_build_object(
        'id', p.id, 'round', p.round) ORDER BY p.round, p.id)
      FROM public."StrategyProposal" p WHERE p."sessionId" = s));
  END IF;
  IF has.agreements THEN
    facts := facts || jsonb_build_object('agreements', (SELECT jsonb_agg(jsonb_build_object(
        'id', a.id, 'type', a.type, 'status', a.status, 'agreedByA', a."agreedByA",
        'agreedByB', a."agreedByB", 'agreedAt', a."agreedAt", 'followUpDate', a."followUpDate",
        'completedAt', a."completedAt", 'proposalId', a."proposalId",
        'staleInput', a."staleInput", 'createdAt', a."createdAt") ORDER BY a."createdAt", a.id)
      FROM public."Agreement" a WHERE a."sharedVesselId" = vessel));
  END IF;
  RETURN facts;
END
$$;

-- One seat, read as its user (hub.become has been called), and for the load: its newest seq. `seen`
-- is what hub.shared_facts answered the same user.
CREATE FUNCTION hub.seat_facts(s text, v text, seen jsonb) RETURNS jsonb
  LANGUAGE plpgsql STABLE AS $$
DECLARE
  me text := hub.actor_id();
  log record;
  has record;
  facts jsonb := '{"draft": null, "attempts": [], "validations": [], "needs": [],
    "clarifications": [], "events": [], "boundaries": [], "documents": [], "consents": [],
    "rankings": [], "strategies": [], "readings": [], "unanswered": [], "aiTurn": null,
    "openedStage": null}';
BEGIN
  SELECT max(e.seq) AS seq, max(e.at) AS newest INTO log
    FROM hub."SessionEvent" e WHERE e."sessionId" = s AND e."userId" = me;
  facts := facts || jsonb_build_object(
    'seq', coalesce(log.seq, 0), 'lastEventAt', log.newest,
    'progress', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'stage', p.stage,
        'status', p.status, 'startedAt', p."startedAt", 'completedAt', p."completedAt",
        'gatesSatisfied', p."gatesSatisfied", 'gatesAt', p."gatesAt",
        'gatesLatched', p."gatesLatched", 'strategiesReadyRound', p."strategiesReadyRound",
        'feedbackAcceptedAt', p."feedbackAcceptedAt", 'isSynthesisDirty', p."isSynthesisDirty",
        'synthesisLastUpdated', p."synthesisLastUpdated") ORDER BY p.stage), '[]')
      FROM public."StageProgress" p WHERE p."sessionId" = s AND p."userId" = me));
  SELECT
    (SELECT max(n.at) FROM hub."Nudge" n WHERE n."sessionId" = s AND n."userId" = me) AS nudged,
    EXISTS (SELECT FROM public."SessionPrivate" x
      WHERE x."sessionId" = s AND x."userId" = me) AS private,
    EXISTS (SELECT FROM public."Message" m
      WHERE m."sessionId" = s AND m."forUserId" = me) AS messages,
    EXISTS (SELECT FROM public."EmpathyDraft" d
      WHERE d."sessionId" = s AND d."userId" = me) AS draft,
    EXISTS (SELECT FROM public."EmpathyAttempt" a
      WHERE a."sessionId" = s AND a."sourceUserId" = me) AS attempts,
    EXISTS (SELECT FROM public."EmpathyValidation" w
      WHERE w."sessionId" = s AND w."userId" = me) AS validations,
    EXISTS (SELECT FROM public."ConsentRecord" c
      WHERE c."sessionId" = s AND c."userId" = me) AS consents,
    EXISTS (SELECT FROM public."StrategyRanking" r
      WHERE r."sessionId" = s AND r."userId" = me) AS rankings,
    EXISTS (SELECT FROM public."IdentifiedNeed" n WHERE n."vesselId" = v) AS needs,
    EXISTS (SELECT FROM public."NeedClarification" c WHERE c."vesselId" = v) AS clarifications,
    EXISTS (SELECT FROM public."EmotionalReading" r WHERE r."vesselId" = v) AS readings,
    EXISTS (SELECT FROM public."UserEvent" e WHERE e."vesselId" = v) AS events,
    EXISTS (SELECT FROM public."Boundary" b WHERE b."vesselId" = v) AS boundaries,
    EXISTS (SELECT FROM public."UserDocument" d WHERE d."vesselId" = v) AS documents
    INTO has;
  facts := facts || jsonb_build_object('nudgedAt', has.nudged, 'hasPrivate', has.private);
  IF has.messages THEN
    facts := facts || jsonb_build_object(
      'unanswered', (SELECT coalesce(jsonb_agg(m.id ORDER BY m.timestamp, m.id), '[]')
        FROM public."Message" m
        WHERE m."sessionId" = s AND m."forUserId" = me AND m.role = 'USER'
          AND m.id NOT IN (SELECT jsonb_array_elements_text(a.bundle -> 'answers')
            FROM public."Message" a
            WHERE a."sessionId" = s AND a."forUserId" = me AND a.role = 'AI')),
      'openedStage', (SELECT max(m.stage) FROM public."Message" m
        WHERE m."sessionId" = s AND m."forUserId" = me AND m.role = 'AI'));
  END IF;
  IF seen -> 'reminders' @> '[{"kind": "ai_turn"}]' THEN
    facts := facts || jsonb_build_object('aiTurn', (SELECT r.item -> 'id'
      FROM jsonb_array_elements(seen -> 'reminders') WITH ORDINALITY r (item, place)
      WHERE r.item @> jsonb_build_object('kind', 'ai_turn', 'userId', me)
      ORDER BY r.place LIMIT 1));
  END IF;
  IF has.draft THEN
    facts := facts || jsonb_build_object('draft', (SELECT jsonb_build_object('id', d.id,
        'version', d.version, 'readyToShare', d."readyToShare")
      FROM public."EmpathyDraft" d WHERE d."sessionId" = s AND d."userId" = me));
  END IF;
  IF has.attempts THEN
    facts := facts || jsonb_build_object('attempts', (SELECT jsonb_agg(jsonb_build_object(
        'id', a.id, 'draftId', a."draftId", 'consentRecordId', a."consentRecordId",
        'sharedAt', a."sharedAt", 'supersededById', a."supersededById")
        ORDER BY a."sharedAt", a.id)
      FROM public."EmpathyAttempt" a WHERE a."sessionId" = s AND a."sourceUserId" = me));
  END IF;
  IF has.validations THEN
    facts := facts || jsonb_build_object('validations', (SELECT jsonb_agg(jsonb_build_object(
        'id', w.id, 'attemptId', w."attemptId", 'validated', w.validated,
        'feedbackShared', w."feedbackShared", 'hasFeedback', w.feedback IS NOT NULL,
        'validatedAt', w."validatedAt") ORDER BY w."createdAt", w.id)
      FROM public."EmpathyValidation" w WHERE w."sessionId" = s AND w."userId" = me));
  END IF;
  IF has.consents THEN
    facts := facts || jsonb_build_object('consents', (SELECT jsonb_agg(jsonb_build_object(
        'id', c.id, 'contentType', c."contentType", 'targetId', c."targetId",
        'requestedByUserId', c."requestedByUserId", 'decision', c.decision,
        'decidedAt', c."decidedAt", 'revokedAt', c."revokedAt", 'metadata', c.metadata,
        'createdAt', c."createdAt") ORDER BY c."createdAt", c.id)
      FROM public."ConsentRecord" c WHERE c."sessionId" = s AND c."userId" = me));
  END IF;
  IF has.rankings THEN
    facts := facts || jsonb_build_object('rankings', (SELECT jsonb_agg(jsonb_build_object(
        'id', r.id, 'round', r.round, 'rankedIds', r."rankedIds",
        'submittedAt', r."submittedAt") ORDER BY r.round)
      FROM public."StrategyRanking" r WHERE r."sessionId" = s AND r."userId" = me));
  END IF;
  IF seen -> 'strategies' <> '[]' THEN  -- the own ones are always among them
    facts := facts || jsonb_build_object('strategies', (SELECT coalesce(jsonb_agg(
        jsonb_build_object('id', p.id, 'round', p.round, 'source', p.source)
        ORDER BY p."createdAt", p.id), '[]') FROM hub.own_strategies(s) p));
  END IF;
  IF has.needs THEN
    facts := facts || jsonb_build_object('needs', (SELECT jsonb_agg(jsonb_build_object(
        'id', n.id, 'category', n.category, 'confirmed', n.confirmed,
        'answeredAt', n."answeredAt", 'source', n.source) ORDER BY n."createdAt", n.id)
      FROM public."IdentifiedNeed" n WHERE n."vesselId" = v));
  END IF;
  IF has.clarifications THEN
    facts := facts || jsonb_build_object('clarifications', (SELECT jsonb_agg(
        jsonb_build_object('id', c.id, 'answeredAt', c."answeredAt")
        ORDER BY c."createdAt", c.id)
      FROM public."NeedClarification" c WHERE c."vesselId" = v));
  END IF;
  IF has.readings THEN
    facts := facts || jsonb_build_object('readings', (SELECT jsonb_agg(jsonb_build_object(
        'id', e.id, 'intensity', e.intensity, 'timestamp', e.timestamp)
        ORDER BY e.timestamp DESC, e.id DESC)
      FROM (SELECT r.id, r.intensity, r.timestamp FROM public."EmotionalReading" r
        WHERE r."vesselId" = v ORDER BY r.timestamp DESC, r.id DESC LIMIT 5) e));
  END IF;
  IF has.events THEN
    facts := facts || jsonb_build_object('events', (SELECT jsonb_agg(e.id
      ORDER BY e.timestamp, e.id) FROM public."UserEvent" e WHERE e."vesselId" = v));
  END IF;
  IF has.boundaries THEN
    facts := facts || jsonb_build_object('boundaries', (SELECT jsonb_agg(b.id
      ORDER BY b."createdAt", b.id) FROM public."Boundary" b WHERE b."vesselId" = v));
  END IF;
  IF has.documents THEN
    facts := facts || jsonb_build_object('documents', (SELECT jsonb_agg(d.id
      ORDER BY d."createdAt", d.id) FROM public."UserDocument" d WHERE d."vesselId" = v));
  END IF;
  RETURN facts;
END
$$;

CREATE OR REPLACE FUNCTION hub.load_sessions(ids text[], callers jsonb)
  RETURNS TABLE ("sessionId" text, facts jsonb, names jsonb, seqs jsonb, receipts jsonb)
  LANGUAGE plpgsql AS $$
DECLARE
  s text;
  m record;
  member jsonb;
  members jsonb;
  seat jsonb;
  seats jsonb;
  seen jsonb;
  partner text;
  shared jsonb;
  asking jsonb;
BEGIN
  -- Every statement below goes by one key: to plan it for each value of that would be for nothing,
  -- and after the death of a host the connections that load have no plans yet.
  PERFORM set_config('role', 'beheard_app', true), set_config('TimeZone', 'UTC', true),
    set_config('plan_cache_mode', 'force_generic_plan', true);
  FOREACH s IN ARRAY ids LOOP
    members := '[]'; seats := '{}'; shared := NULL; asking := '{}';
    names := '{"": null}'; seqs := '{}'; receipts := '{}';
    FOR m IN SELECT u."userId", u."vesselId", u.erased, u."presenceShown"
        FROM hub.session_members(ARRAY[s]) u LOOP
      PERFORM hub.become(m."userId", s, '4');
      seen := hub.shared_facts(s);
      IF seen IS NULL THEN  -- what one of its members does not see is not loaded
        shared := NULL;
        EXIT;
      END IF;
      member := jsonb_build_object('userId', m."userId", 'vesselId', m."vesselId",
        'erased', m.erased, 'presenceShown', m."presenceShown");
      IF seen #>> '{session,createdById}' = m."userId" THEN
        members := member || members;
      ELSE
        members := members || member;
      END IF;
      seat := hub.seat_facts(s, m."vesselId", seen);
      seats := seats || jsonb_build_object(m."userId", seat - 'seq');
      seqs := seqs || jsonb_build_object(m."userId", seat -> 'seq');
      names := names || jsonb_build_object(m."userId",
        (SELECT u.name FROM public."User" u WHERE u.id = m."userId"));
      partner := seen ->> 'partnerId';
      IF partner IS NOT NULL AND NOT names ? partner THEN
        names := names || coalesce((SELECT jsonb_build_object(p."userId", p.name)
          FROM public."Person" p WHERE p."userId" = partner), '{}');
      END IF;
      IF seen -> 'typedName' <> 'null' THEN
        names := names || jsonb_build_object('', seen -> 'typedName');
      END IF;
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
    IF shared IS NOT NULL THEN
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

REVOKE EXECUTE ON FUNCTION hub.shared_facts(text), hub.seat_facts(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.shared_facts(text), hub.seat_facts(text, text, jsonb)
  TO beheard_app;

RESET ROLE;
