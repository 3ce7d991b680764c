"""The weakenings, as data: what is taken away, and the tests that must say so.

`TEXT` replaces one passage of a file, which must be there exactly once; `SQL` runs after the last
migration. A weakening whose passage is gone is an error: it is mended or replaced, never dropped.
"""

from __future__ import annotations

import msgspec

DATABASE = "tests/integration/database"
PERSISTENCE = "tests/integration/persistence"
MATRIX = f"{DATABASE}/test_matrix.py"
CROSSING = f"{DATABASE}/test_crossing.py"
TRAPS = f"{DATABASE}/test_traps.py"
TURNS = "tests/unit/actors/test_turns.py"
TWINS = "tests/privacy/test_twin_runs.py"
PRACTICES = "tests/privacy/test_practice_walls.py"
BUNDLES = "tests/unit/ai/test_bundles.py"
JUDGED = "tests/integration/practice/test_judged.py"
NEXT_HOST = (
    "tests/integration/practice/test_exchange.py"
    "::test_the_next_host_goes_on_where_one_has_gone_also_for_who_watches"
)


class Weakening(msgspec.Struct, frozen=True):
    """One wall made lower."""

    name: str
    """What is weaker now, in a few words."""
    tests: tuple[str, ...]
    """Those that must fail; files or single tests."""


class Text(Weakening, frozen=True, kw_only=True):
    """A passage of the code says something else."""

    file: str
    """Below ``src/beheard_hub``."""
    old: str
    new: str


class Sql(Weakening, frozen=True, kw_only=True):
    """The database is set up otherwise."""

    statements: str


SQL: tuple[Sql, ...] = (
    Sql(
        "row-level security off for messages", (f"{MATRIX}::test_reads",),
        statements='ALTER TABLE "Message" DISABLE ROW LEVEL SECURITY',
    ),
    Sql(
        "not forced on the owner",
        (f"{MATRIX}::test_every_table_has_forced_row_level_security_and_a_policy",),
        statements='ALTER TABLE "UserEvent" NO FORCE ROW LEVEL SECURITY',
    ),
    Sql(
        "USING (true) on readings", (f"{MATRIX}::test_reads",),
        statements='ALTER POLICY own ON "EmotionalReading" USING (true)',
    ),
    Sql(
        "owner swapped: drafts are the partner's", (f"{MATRIX}::test_reads",),
        statements='ALTER POLICY own ON "EmpathyDraft" USING ("userId" <> hub.actor_id()'
        ' AND "sessionId" = ANY (hub.my_sessions()))',
    ),
    Sql(
        "the claimed session is believed", (f"{TRAPS}::test_a_claimed_session_proves_nothing",),
        statements='ALTER POLICY members ON "Session" USING (id = hub.current_session_id())',
    ),
    Sql(
        "epoch check off: every lease holds",
        (f"{MATRIX}::test_inserts_need_a_lease_that_stands",),
        statements="CREATE OR REPLACE FUNCTION hub.held_lease() RETURNS SETOF bigint STABLE"
        " LANGUAGE sql BEGIN ATOMIC SELECT 1::bigint; END",
    ),
    Sql(
        "a host writes private rows for anybody", (f"{MATRIX}::test_inserts",),
        statements='ALTER POLICY write_insert ON "Boundary" WITH CHECK (true)',
    ),
    Sql(
        "the writer reads messages", (f"{MATRIX}::test_the_writer_reads_key_columns_only",),
        statements='GRANT SELECT (content) ON "Message" TO beheard_writer',
    ),
    Sql(
        "operations read messages", (f"{MATRIX}::test_operations_see_no_content",),
        statements='GRANT SELECT (content) ON "Message" TO beheard_ops',
    ),
    Sql(
        "search_path missing on a definer function",
        (f"{TRAPS}::test_definer_functions_are_those_listed_and_have_no_search_path",),
        statements="ALTER FUNCTION hub.member_of(text, text) RESET search_path",
    ),
    Sql(
        "the login role reads without taking a role",
        (f"{TRAPS}::test_no_run_time_role_goes_around_the_walls",),
        statements="GRANT beheard_app TO beheard_login WITH INHERIT TRUE",
    ),
    Sql(
        "a view with its owner's rights",
        (f"{TRAPS}::test_every_view_asks_with_the_rights_of_its_reader",),
        statements='ALTER VIEW "PartnerProgress" SET (security_invoker = false)',
    ),
    Sql(
        "an approximate index on private vectors",
        (f"{TRAPS}::test_only_the_library_has_an_approximate_index",),
        statements='CREATE INDEX near ON "UserEvent" USING hnsw (embedding vector_cosine_ops)',
    ),
    Sql(
        "revoking leaves the content active",
        (f"{CROSSING}::test_revoking_takes_content_back_in_the_same_commit",),
        statements='DROP TRIGGER take_back ON "ConsentRecord"',
    ),
    Sql(
        "consent check off: content without a grant",
        (f"{CROSSING}::test_content_cannot_be_active_without_a_granted_consent",),
        statements='DROP TRIGGER hold_to_consent ON "ConsentedContent"',
    ),
    Sql(
        "attempts are seen before one's own is shown",
        (f"{CROSSING}::test_nobody_sees_an_attempt_before_showing_one",),
        statements="CREATE OR REPLACE FUNCTION hub.attempt_shown(in_session text) RETURNS boolean"
        " STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' RETURN true",
    ),
    Sql(
        "the pool is open while ideas are collected",
        (f"{CROSSING}::test_the_pool_opens_with_the_ranking",),
        statements='ALTER POLICY pool ON "StrategyProposal" USING (EXISTS (SELECT FROM "Session" s'
        ' WHERE s.id = "StrategyProposal"."sessionId"))',
    ),
    Sql(
        "the author of an idea can be read",
        (f"{CROSSING}::test_what_tells_the_author_cannot_be_read_at_all",),
        statements='GRANT SELECT ("createdByUserId") ON "StrategyProposal" TO beheard_app',
    ),
    Sql(
        "the stage is no lock on the shared vessel",
        (f"{CROSSING}::test_below_stage_two_nothing_of_the_partner_is_seen",),
        statements='ALTER POLICY consented ON "ConsentedContent" USING ("consentActive"'
        ' AND "sharedVesselId" = ANY (hub.my_shared_vessels()))',
    ),
    Sql(
        "erasing a seat erases nothing",
        (f"{DATABASE}/test_erasure.py::test_all_of_the_user_goes",),
        statements='DROP TRIGGER erase_seat ON "UserVessel"',
    ),
    Sql(
        "what a merged guest has used stays the guest's", (JUDGED,),
        statements='DROP POLICY "merge_userId" ON practice."UsageLog"',
    ),
)  # fmt: skip

TEXT: tuple[Text, ...] = (
    Text(
        "NOINHERIT off for the login role",
        (f"{TRAPS}::test_no_run_time_role_goes_around_the_walls",),
        file="persistence/queries/setup.sql",
        old="LOGIN NOINHERIT PASSWORD",
        new="LOGIN INHERIT PASSWORD",
    ),
    Text(
        "what a user leaves on a connection stays",
        (f"{PERSISTENCE}/test_database.py::test_what_a_user_leaves_behind_is_wiped_off",),
        file="persistence/database.py",
        old='    await connection.execute(sql.text("reset"))\n', new="    return\n",
    ),
    Text(
        "a dirty connection is used",
        (f"{PERSISTENCE}/test_database.py::test_a_dirty_connection_is_refused_and_counted",),
        file="persistence/database.py",
        old='clean = bool(row and row["clean"])', new="clean = row is not None",
    ),
    Text(
        "Postgres logs failing statements",
        ("tests/privacy/test_silence.py",),
        file="persistence/cluster_conf.py",
        old='"log_min_error_statement": "panic"',
        new='"log_min_error_statement": "error"',
    ),
    Text(
        "Postgres logs the sentences of errors",
        (
            f"{PERSISTENCE}/test_embedded.py"
            "::test_the_server_is_durable_and_says_nothing_about_content",
        ),
        file="persistence/cluster_conf.py",
        old='"log_min_messages": "log"',
        new='"log_min_messages": "warning"',
    ),
    Text(
        "a query forgets whose events",
        ("tests/privacy/test_queries_alone.py",),
        file="persistence/queries/own.sql",
        old='WHERE v."sessionId" = $1 AND v."userId" = $2\n'
        "  AND ($3::timestamptz IS NULL OR (e.timestamp, e.id)",
        new='WHERE v."sessionId" = $1 AND $2::text IS NOT NULL\n'
        "  AND ($3::timestamptz IS NULL OR (e.timestamp, e.id)",
    ),
    Text(
        "membership is not asked", (f"{TURNS}::test_what_is_not_yours_is_not_there",),
        file="actors/turns.py",
        old="if not (spec.anyone or spec.sessionless) and not cell.is_member(turn.user_id):",
        new="if not spec:",
    ),
    Text(
        "ack before the commit", (f"{TURNS}::test_a_command_is_acked_after_its_commit",),
        file="actors/turns.py",
        old="        self._write_behind.append(entry)\n",
        new="        self._answer(cell, turn, decision.answer, decision.state, decision.fresh)\n"
        "        self._write_behind.append(entry)\n",
    ),
    Text(
        "a repeated id is a new command",
        (f"{TURNS}::test_a_repeated_id_has_no_second_effect",),
        file="actors/turns.py",
        old="if cell.knows_receipt(turn):", new="if not cell.key:",
    ),
    Text(
        "a log line with what was written", (f"{TWINS}::test_no_word_is_in_a_log_line",),
        file="actors/turns.py",
        old="        self.decided += 1\n",
        new="        self.decided += 1\n"
        '        _log.info("turn_decided", reason=str(command.data))\n',
    ),
    Text(
        "receipts keep what was written", (f"{TWINS}::test_no_word_is_in_the_hubs_own_tables",),
        file="actors/recording.py",
        old='"reply": reply.data,', new='"reply": {**reply.data, "of": dict(turn.data)},',
    ),
    Text(
        "an event carries the caller's own words to the other",
        (f"{TURNS}::test_own_words_come_fresh_and_are_read_for_the_other",),
        file="actors/outs.py",
        old="fresh = entry.decision.fresh if event.user_id == entry.turn.user_id else {}",
        new="fresh = entry.decision.fresh",
    ),
    Text(
        "a place in an event is read as the caller",
        (f"{TURNS}::test_own_words_come_fresh_and_are_read_for_the_other",),
        file="actors/outs.py",
        old="self._send(entry.cell, session_id, event.user_id, view, event.data, fresh, send)",
        new="self._send(entry.cell, session_id, entry.turn.user_id, view, event.data, fresh, send)",
    ),
    Text(
        "anybody may listen to a session",
        ("tests/unit/actors/test_subscriptions.py::test_only_members_listen",),
        file="actors/activation.py",
        old="lambda cell: user_id in cell.kind.members(cell.committed)",
        new="lambda cell: True",
    ),
    Text(
        "own events are told to both", ("tests/unit/domain/test_order_of_events.py",),
        file="domain/mediation/turn.py",
        old="self.content.append(Notice((seat or self.me).user_id, name, data))",
        new="self.content.extend(Notice(s.user_id, name, data) for s in self.state.seats)",
    ),
    Text(
        "the session's status is not asked", ("tests/unit/domain/test_sessions.py",),
        file="domain/mediation/machine.py",
        old="if turn.state.status not in row.statuses:", new="if not row.statuses:",
    ),
    Text(
        "the caller's stage is not asked",
        ("tests/privacy/test_refusals.py::test_what_belongs_to_another_stage_is_refused",),
        file="domain/mediation/machine.py",
        old="if row.stages is not None and seat.stage not in row.stages:",
        new="if row.stages is not None and not row.stages:",
    ),
    Text(
        "the partner's consent can be found by its id",
        ("tests/privacy/test_command_matrix.py::test_what_is_anothers_answers_like_nothing",),
        file="domain/mediation/handlers/consent.py",
        old="consent = turn.me.consents.get(data.consent_record_id)\n",
        new="consent = {**turn.other.consents, **turn.me.consents}.get(data.consent_record_id)\n",
    ),
    Text(
        "a refusal repeats what was given",
        ("tests/privacy/test_refusals.py::test_a_bad_text_is_not_repeated",),
        file="domain/validation.py",
        old='return _bad(path, problems, f"1 to {self.most} characters")',
        new='return _bad(path, problems, f"{value} is too long")',
    ),
    Text(
        "the prompt holds what the stage forbids", (f"{BUNDLES}::test_the_contract_row_by_row",),
        file="ai/bundles.py",
        old=" or stage not in row.stages:\n", new=":\n",
    ),
    Text(
        "the prompt holds another's vessel", (f"{BUNDLES}::test_nobody_elses_vessel",),
        file="ai/bundles.py",
        old='if row.vessel is Vessel.USER and given.get("owner") != frame.user_id:',
        new='if row.vessel is Vessel.USER and given.get("owner") is None:',
    ),
    Text(
        "the prompt holds what was taken back",
        (f"{BUNDLES}::test_what_was_shared_needs_a_consent_in_force",),
        file="ai/bundles.py",
        old="_STATES = frozenset({", new='_STATES = frozenset({"revoked", ',
    ),
    Text(
        "a plan may ask for anything in any stage",
        ("tests/unit/reactions/test_retrieval.py"
         "::test_every_cell_is_open_or_rejected_and_audited",),
        file="reactions/retrieval/plan.py",
        old="if not allows(query.name, query.way, stage):", new="if not query.name:",
    ),
    Text(
        "a call of a lane is charged twice", (JUDGED,),
        file="domain/practice/handlers/exchange.py",
        old="    _charge(turn, data)\n    following",
        new="    _charge(turn, data)\n    _charge(turn, data)\n    following",
    ),
    Text(
        "a lane's words are stored twice", (JUDGED,),
        file="domain/practice/handlers/exchange.py",
        old="    turn.say(data.lane, data.content, made, data.message_id)\n",
        new="    for number in (data.message_id, None):\n"
        "        turn.say(data.lane, data.content, made, number)\n",
    ),
    Text(
        "a lane that has spoken is asked again by the next host", (NEXT_HOST,),
        file="domain/practice/handlers/exchange.py",
        old="    turn.done.append(data.reminder_id)\n    if _is_late(",
        new="    if _is_late(",
    ),
    Text(
        "a practice's message that is sent again to the next host begins another exchange",
        (NEXT_HOST,),
        file="actors/cell.py",
        old="            for user, hashes in loaded.receipts.items()\n",
        new="            for user, hashes in loaded.receipts.items()\n"
        '            if kind.name != "practice"\n',
    ),
    Text(
        "the partner hears what the coach said", (JUDGED,),
        file="reactions/practising.py",
        old='    rows = await tools.reads.read(actor, "practice.transcript",'
        ' {"limit": LINES_MAX})\n'
        '    said = [Line(row["id"], row["role"], row["content"]) for row in reversed(rows)]\n',
        new='    actor = Actor(due.user_id or "", "coach", session_id)\n'
        '    rows = await tools.reads.read(actor, "practice.transcript", {"limit": LINES_MAX})\n'
        "    shown = {COACH: ROLE_USER} if lane.name == PARTNER else {}\n"
        '    said = [Line(r["id"], shown.get(r["role"], r["role"]), r["content"])\n'
        "            for r in reversed(rows)]\n",
    ),
    Text(
        "any researcher watches any practice", (JUDGED,),
        file="domain/practice/machine.py",
        old="    least = STAFF if asker.invited else ADMIN\n", new="    least = STAFF\n",
    ),
    Text(
        "who is no party to a practice is refused in other ways than by nothing", (PRACTICES,),
        file="actors/activation.py",
        old="str(ROW_NUMBER_MAX - randbelow(NEVER_GIVEN)) if key.isdecimal() else str(uuid4())",
        new="str(uuid4())",
    ),
)  # fmt: skip

WEAKENINGS: tuple[Weakening, ...] = (*SQL, *TEXT)
