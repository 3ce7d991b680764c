-- How the actor of a practice session gets its facts (spec 08, 4.2): as hub.load_sessions of 0010
-- for mediation, in the same five columns.
--
-- facts = {
--   "session": {id, userId, invitationId, scenarioId, status, startedAt, endedAt, totalMessages,
--     lastAt},                         id a number; lastAt: time of the newest message, or startedAt
--   "invitation": null | {id, observed, expiresAt, revokedAt, claimedAt},
--   "quota": {tokens, label?},         the invitation's, else the session's
--   "usage": {inputTokens, outputTokens, totalTokens},     likewise
--   "exchange": null | {userMessageId, exchangeId, partnerMessageId, coachMessageId},
--       the newest message of the user, and what answers it: null what is still missing.
--       exchangeId is what that message's metadata says
--   "reminders": [{id, kind, userId, dueAt, payload}],     unfired ones of the participant
--   "erased": whether the participant is leaving or has left,
--   "callers": {userId: {"role": STAFF..., "invited": whether that user made the invitation}}
-- }
-- names = {userId: name | null}   seqs = {participant: newest event seq, 0 without one}
-- receipts = {userId: hashes as in 0010}
-- A session that has no participant any more has no row.
SET LOCAL ROLE beheard_owner;

-- SECURITY DEFINER: before an actor is known. Ids only.
CREATE FUNCTION hub.practice_participant(session text) RETURNS text
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN (SELECT c."userId" FROM practice."ConversationSession" c
    WHERE c.id = hub.practice_number(session));
END
$$;

-- Read as the participant (hub.become has been called).
CREATE FUNCTION hub.practice_facts(s text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  c practice."ConversationSession";
  i practice."InvitationHeld";
  asked record;
BEGIN
  SELECT * INTO STRICT c FROM practice."ConversationSession" x
    WHERE x.id = hub.practice_number(s);
  SELECT * INTO i FROM practice."InvitationHeld" h WHERE h.id = c."invitationId";
  SELECT m.id, m.timestamp, m.metadata ->> 'exchangeId' AS "exchangeId" INTO asked
    FROM practice."Message" m WHERE m."sessionId" = c.id AND m.role = 'user'
    ORDER BY m.timestamp DESC, m.id DESC LIMIT 1;
  RETURN jsonb_build_object(
    'session', jsonb_build_object('id', c.id, 'userId', c."userId",
      'invitationId', c."invitationId", 'scenarioId', c."scenarioId", 'status', c.status,
      'startedAt', c."startedAt", 'endedAt', c."endedAt", 'totalMessages', c."totalMessages",
      'lastAt', coalesce((SELECT max(m.timestamp) FROM practice."Message" m
        WHERE m."sessionId" = c.id), c."startedAt")),
    'invitation', CASE WHEN i.id IS NOT NULL THEN jsonb_build_object('id', i.id,
      'observed', i.observed, 'expiresAt', i."expiresAt", 'revokedAt', i."revokedAt",
      'claimedAt', i."claimedAt") END,
    'quota', coalesce(i.quota, c.quota),
    'usage', coalesce(i.usage, c.usage),
    'exchange', (SELECT jsonb_build_object('userMessageId', asked.id,
        'exchangeId', asked."exchangeId",
        'partnerMessageId', max(m.id) FILTER (WHERE m.role = 'partner'),
        'coachMessageId', max(m.id) FILTER (WHERE m.role = 'coach'))
      FROM practice."Message" m WHERE m."sessionId" = c.id
        AND (m.timestamp, m.id) >= (asked.timestamp, asked.id)
      HAVING asked.id IS NOT NULL),
    'reminders', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind,
        'userId', r."userId", 'dueAt', r."dueAt", 'payload', r.payload)
        ORDER BY r."dueAt", r.id), '[]')
      FROM hub."Reminder" r WHERE r."sessionId" = s AND r."userId" = hub.actor_id()
        AND r."firedAt" IS NULL),
    'erased', hub.under_erasure(c."userId"));
END
$$;

-- `callers`: {sessionId: [ids of users who are not the participant but ask]}. The caller's role
-- becomes beheard_app until its transaction ends, and nobody is the actor afterwards.
CREATE FUNCTION hub.load_practice(ids text[], callers jsonb)
  RETURNS TABLE ("sessionId" text, facts jsonb, names jsonb, seqs jsonb, receipts jsonb)
  LANGUAGE plpgsql AS $$
DECLARE
  s text;
  who text;
  asking jsonb;
BEGIN
  PERFORM set_config('role', 'beheard_app', true), set_config('TimeZone', 'UTC', true);
  FOREACH s IN ARRAY ids LOOP
    who := hub.practice_participant(s);
    CONTINUE WHEN who IS NULL;
    PERFORM hub.become(who, s, '');
    "sessionId" := s;
    facts := hub.practice_facts(s);
    names := (SELECT jsonb_build_object(u.id, u.name) FROM public."User" u WHERE u.id = who);
    seqs := jsonb_build_object(who, (SELECT coalesce(max(e.seq), 0) FROM hub."SessionEvent" e
      WHERE e."sessionId" = s AND e."userId" = who));
    receipts := jsonb_build_object(who, hub.receipt_hashes(s));
    asking := '{}';
    FOR who IN SELECT c FROM jsonb_array_elements_text(callers -> s) c WHERE NOT seqs ? c LOOP
      PERFORM hub.become(who, s, '');
      asking := asking || coalesce((SELECT jsonb_build_object(u.id, jsonb_build_object(
          'role', u.role, 'invited', EXISTS (SELECT FROM practice."Invitation" i
            WHERE i.id = facts #>> '{invitation,id}' AND i."createdById" = who)))
        FROM public."User" u WHERE u.id = who), '{}');
      names := names || coalesce((SELECT jsonb_build_object(u.id, u.name) FROM public."User" u
        WHERE u.id = who), '{}');
      receipts := receipts || jsonb_build_object(who, hub.receipt_hashes(s));
    END LOOP;
    facts := facts || jsonb_build_object('callers', asking);
    RETURN NEXT;
  END LOOP;
  PERFORM hub.become('', '', '');
END
$$;

GRANT EXECUTE ON FUNCTION hub.practice_participant(text), hub.practice_facts(text) TO beheard_app;
GRANT EXECUTE ON FUNCTION hub.load_practice(text[], jsonb) TO beheard_app, beheard_login;

RESET ROLE;
