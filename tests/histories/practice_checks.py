"""The promises of practices (spec 08, Failures; spec 09, Reliability), each as one function over a
`PracticeHistory`. As in `checks.py`, every check yields sentences for people."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.domain.practice.vocabulary import ACTIVE, COACH, ROLE_USER
from tests.histories.checks import Violation
from tests.histories.practice_log import (
    Asked,
    Charge,
    Event,
    Greeted,
    Heard,
    Message,
    Pictured,
    Piece,
    PracticeHistory,
    Replied,
)

SEND = "practice.send"
COMPLETE, FAILED, SAID = "practice.exchange_complete", "practice.failed", "practice.message"
ENDED = "practice.ended"
ASKED = "a message of the user"
AT_REST, UNDER_WAY, BROKEN, OVER = "at rest", "under way", "broken", "over"
NEXT: Mapping[tuple[str, str], str] = {
    (AT_REST, ASKED): UNDER_WAY,
    (UNDER_WAY, SAID): UNDER_WAY,
    (UNDER_WAY, COMPLETE): AT_REST,
    (UNDER_WAY, FAILED): BROKEN,
    (BROKEN, ASKED): UNDER_WAY,
    (BROKEN, SAID): UNDER_WAY,
    (BROKEN, FAILED): BROKEN,
    **{(stands, ENDED): OVER for stands in (AT_REST, UNDER_WAY, BROKEN)},
}
"""How an exchange stands, and what may come then; a retry is told by what comes of it."""
UNRECEIPTED = frozenset({"practice.get", "identity.link"})
"""Commands that leave no receipt: a read, and what the database does once by itself."""
MARK = re.compile(r"[0-9a-f]{32}")
LEAST_OF_A_COACH = 40
"""Characters: shorter texts may stand in a request by chance."""


def practice_violations(history: PracticeHistory) -> list[Violation]:
    """All that is wrong with a run; empty when every promise was kept."""
    return [
        Violation(promise, what)
        for promise, check in PRACTICE_CHECKS.items()
        for what in check(history)
    ]


def _of(history: PracticeHistory, kind: type) -> Iterator[Any]:
    return (entry for entry in history.entries if isinstance(entry, kind))


def _messages(history: PracticeHistory) -> Mapping[str, Message]:
    return {message.id: message for message in history.stored.messages}


def _names(history: PracticeHistory) -> Mapping[str, list[str]]:
    """Session → the names of its stored events."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in history.stored.events:
        found[event.session_id].append(event.name)
    return found


# ---- commands


def acked_once_stored_once(history: PracticeHistory) -> Iterator[str]:
    """What was acked is there, once; what was never answered is there once at most."""
    receipts = {receipt.command_id for receipt in history.stored.receipts}
    said = Counter(m.command_id for m in history.stored.messages if m.command_id is not None)
    for reply in _of(history, Replied):
        if reply.code or reply.name in UNRECEIPTED:
            continue
        if reply.command_id not in receipts:
            yield f"{reply.name} {reply.command_id} was acked and has no receipt"
        if reply.name == SEND and not said[reply.command_id]:
            yield f"the message of {reply.command_id} was acked and is not stored"
    asked = {one.command_id for one in _of(history, Asked)}
    for command_id, count in said.items():
        if count > 1:
            yield f"{command_id} said the same {count} times"
        if command_id not in asked:
            yield f"nobody sent {command_id}"


def no_conflict(history: PracticeHistory) -> Iterator[str]:
    """Who waits for the end of each exchange is never refused for one that goes on; and nothing
    from outside is a fault of ours, but where somebody is merged at that moment."""
    merging = {session for session, owner in history.owners.items() if owner in _survivors(history)}
    for reply in _of(history, Replied):
        if reply.code == "CONFLICT":
            yield f"{reply.name} {reply.command_id} was refused with CONFLICT"
        elif reply.code == "INTERNAL_ERROR" and reply.session_id not in merging:
            yield f"{reply.name} {reply.command_id} was answered with INTERNAL_ERROR"


def _survivors(history: PracticeHistory) -> set[str]:
    return set(history.merged.values())


# ---- exchanges


def exchanges_end(history: PracticeHistory) -> Iterator[str]:
    """One exchange after the other, each answered by all lanes, or somebody was told that one
    failed, or the session has ended; nothing is told after that."""
    names = _names(history)
    for session, said in _by_session(history).items():
        complete = [m for m in said if m.role == ROLE_USER and _lanes_of(m, said) == set(LANES)]
        if names[session].count(COMPLETE) != len(complete):
            yield f"{session} was told {names[session].count(COMPLETE)} ends of {len(complete)}"
        if names[session].count(SAID) != len(said):
            yield f"{session} was told {names[session].count(SAID)} messages of {len(said)}"
            continue
        steps = _steps(names[session], said)
        stands = AT_REST
        for step in steps:
            stands, before = NEXT.get((stands, step), ""), stands
            if not stands:
                yield f"in {session} came {step} while {before}"
                break
        if stands == UNDER_WAY:
            yield f"an exchange of {session} has no end, nor did it fail"
    for session in history.stored.waiting:
        yield f"a lane of {session} is still to be asked"


def _steps(names: list[str], said: list[Message]) -> Iterator[str]:
    """What happened, as far as it makes exchanges: the user's messages are told from the lanes'."""
    speaks = iter(said)
    for name in names:
        if name == SAID:
            yield ASKED if next(speaks).role == ROLE_USER else SAID
        elif name in (COMPLETE, FAILED, ENDED):
            yield name


def _by_session(history: PracticeHistory) -> Mapping[str, list[Message]]:
    found: dict[str, list[Message]] = {r.session_id: [] for r in history.stored.rehearsals}
    for message in history.stored.messages:
        found[message.session_id].append(message)
    return found


def _lanes_of(asked: Message, said: list[Message]) -> set[str]:
    return {m.role for m in said if m.answers == asked.id}


def no_message_twice_or_empty(history: PracticeHistory) -> Iterator[str]:
    """A lane answers a message once, with words, and only in its turn."""
    answered = Counter((m.answers, m.role) for m in history.stored.messages if m.answers)
    for (asked, role), count in answered.items():
        if count > 1:
            yield f"the {role} answered {asked} {count} times"
    roles = {(m.answers, m.role) for m in history.stored.messages}
    for message in history.stored.messages:
        if not message.content.strip():
            yield f"message {message.id} is empty"
        if message.role == ROLE_USER:
            continue
        if message.answers is None:
            yield f"message {message.id} of the {message.role} answers nothing"
        before = [lane.name for lane in LANES.values() if lane.then == message.role]
        if any((message.answers, lane) not in roles for lane in before):
            yield f"message {message.id} of the {message.role} came before its turn"


def charged_once(history: PracticeHistory) -> Iterator[str]:
    """As many charges of a lane as messages of it; one more where a call outlived its session. The
    account of invitation or session is their sum."""
    said = Counter((m.session_id, m.role) for m in history.stored.messages)
    charged = Counter((c.session_id, c.lane) for c in history.stored.charges)
    sums: dict[str, int] = defaultdict(int)
    for charge in history.stored.charges:
        sums[charge.session_id] += charge.tokens
    for one in history.stored.rehearsals:
        for lane in LANES:
            words, calls = said[one.session_id, lane], charged[one.session_id, lane]
            if not words <= calls <= words + (one.status != ACTIVE):
                yield f"{calls} calls of the {lane} charged in {one.session_id} for {words} answers"
        if one.used != sums[one.session_id]:
            yield f"{one.session_id} has used {one.used} tokens, its calls {sums[one.session_id]}"


# ---- what is heard


def heard_without_gap(history: PracticeHistory) -> Iterator[str]:
    """Whoever listens, as participant or observer, hears each seq once and in order; whoever
    listened to the end heard the last one."""
    newest: dict[tuple[str, str], int] = {}
    for entry in history.entries:
        if isinstance(entry, Pictured):
            newest[entry.device, entry.session_id] = entry.seq
        elif isinstance(entry, Heard):
            before = newest.get((entry.device, entry.session_id), 0)
            if entry.seq != before + 1:
                yield f"{entry.device} heard seq {entry.seq} of {entry.session_id} after {before}"
            newest[entry.device, entry.session_id] = entry.seq
    last: dict[str, int] = defaultdict(int)
    for event in history.stored.events:
        last[event.session_id] = max(last[event.session_id], event.seq)
    for device, session in history.listening:
        heard = newest.get((device, session), 0)
        if heard != last[session]:
            yield f"{device} heard up to seq {heard} of {session}, stored are {last[session]}"


def stored_seqs_are_whole(history: PracticeHistory) -> Iterator[str]:
    """Every seq of a session is stored once, from 1 on, for one user."""
    seqs: dict[str, list[int]] = defaultdict(list)
    for event in history.stored.events:
        seqs[event.session_id].append(event.seq)
    for session, found in seqs.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield f"{session} has seqs {sorted(found)}"


def all_hear_the_same(history: PracticeHistory) -> Iterator[str]:
    """One seq is one event, for participant and observers, and it is stored."""
    stored = {(e.session_id, e.seq): e.name for e in history.stored.events}
    first: dict[tuple[str, int], Heard] = {}
    for heard in _of(history, Heard):
        key = (heard.session_id, heard.seq)
        if stored.get(key) != heard.name:
            yield f"{heard.device} heard {heard.name} as seq {heard.seq}, which is not stored"
        earlier = first.setdefault(key, heard)
        if (earlier.name, earlier.data) != (heard.name, heard.data):
            where = ", ".join(_differing(earlier.data, heard.data)) or "their names"
            yield (
                f"{heard.device} and {earlier.device} heard two events as seq {heard.seq}: "
                f"{earlier.name} and {heard.name} differ in {where}"
            )


def _differing(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """Fields in which two events differ, without what stands there."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for field in sorted({*one, *other}):
            yield from _differing(one.get(field), other.get(field), f"{at}.{field}".strip("."))
    elif one != other:
        yield at


def shown_is_stored(history: PracticeHistory) -> Iterator[str]:
    """A message that anybody was shown is stored, word for word; so are pieces that were shown up
    to its end, and those before it are its beginning."""
    stored = _messages(history)
    writing: dict[tuple[str, str, str], str] = {}
    for entry in history.entries:
        match entry:
            case Greeted():
                writing = {key: text for key, text in writing.items() if key[0] != entry.device}
            case Piece():
                key = (entry.device, entry.session_id, entry.message_id)
                writing[key] = ("" if entry.reset else writing.get(key, "")) + entry.text
            case Heard() | Pictured() | Replied():
                shown = entry.state if isinstance(entry, Pictured) else entry.data
                for message in _shown(shown):
                    if not _is_row(message, stored.get(message["id"])):
                        yield f"{entry.device} was shown message {message['id']} otherwise"
                    text = writing.pop((entry.device, entry.session_id, message["id"]), "")
                    if isinstance(entry, Heard) and text not in ("", message["content"]):
                        yield f"{entry.device} was shown other pieces of {message['id']}"
                if isinstance(entry, Pictured):
                    here = (entry.device, entry.session_id)
                    writing = {key: text for key, text in writing.items() if key[:2] != here}
    for (device, _, message_id), text in writing.items():
        if text and message_id in stored:
            yield f"{device} was shown pieces of {message_id} and not its end"


def _is_row(shown: Mapping[str, Any], row: Message | None) -> bool:
    return row is not None and (row.content, row.role) == (shown["content"], shown["role"])


def _shown(data: Any) -> Iterator[Mapping[str, Any]]:
    """All messages in what came."""
    if isinstance(data, Mapping):
        if {"id", "role", "content"} <= data.keys():
            yield data
        for value in data.values():
            yield from _shown(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _shown(value)


# ---- walls


def own_practice_only(history: PracticeHistory) -> Iterator[str]:
    """Nobody hears a session that is not theirs, nor a sentence of another one in it."""
    for entry in history.entries:
        if isinstance(entry, Greeted | Asked):
            continue
        session, device = entry.session_id, entry.device
        if not isinstance(entry, Replied) and device not in history.allowed.get(session, ()):
            yield f"{device} was shown something of {session}"
        if session:
            found = MARK.findall(msgspec.json.encode(entry).decode())
            for mark in found:
                if history.marks.get(mark, session) != session:
                    yield f"{device} was shown {mark} of {history.marks[mark]} in {session}"


def coach_stays_with_the_user(history: PracticeHistory) -> Iterator[str]:
    """What the coach said is in no request of a partner."""
    said = {
        m.content for m in history.stored.messages
        if m.role == COACH and len(m.content) > LEAST_OF_A_COACH
    }  # fmt: skip
    for text in history.partner_was_given:
        for words in said:
            if words in text:
                yield f"the partner was given words of the coach: {len(words)} characters"


# ---- mergers


def merged_as_a_whole(history: PracticeHistory) -> Iterator[str]:
    """Every row is in the end of who the guest became, and none is lost."""
    found = {one.session_id: one for one in history.stored.rehearsals}
    for session, owner in history.owners.items():
        one = found.get(session)
        if one is None or one.user_id != owner:
            yield f"{session} of {owner} is {'gone' if one is None else one.user_id}'s"
        elif one.invited not in (None, owner):
            yield f"the invitation of {session} is {one.invited}'s"
    rows: Iterable[Event | Charge] = (*history.stored.events, *history.stored.charges)
    for row in rows:
        if row.user_id != history.owners.get(row.session_id):
            yield f"a row of {row.session_id} is {row.user_id}'s"
    for receipt in history.stored.receipts:
        if receipt.user_id in history.merged:
            yield f"the receipt {receipt.command_id} is of a guest who was merged"
    for guest in history.merged:
        if guest not in history.stored.gone:
            yield f"the guest {guest} was merged and is still there"


PRACTICE_CHECKS: Mapping[str, Callable[[PracticeHistory], Iterator[str]]] = {
    "practice: acked once, stored once": acked_once_stored_once,
    "practice: no conflict of ours": no_conflict,
    "practice: exchanges end": exchanges_end,
    "practice: no message twice or empty": no_message_twice_or_empty,
    "practice: charged once": charged_once,
    "practice: heard without a gap": heard_without_gap,
    "practice: stored seqs are whole": stored_seqs_are_whole,
    "practice: all hear the same": all_hear_the_same,
    "practice: shown is stored": shown_is_stored,
    "practice: one's own only": own_practice_only,
    "practice: the coach stays apart": coach_stays_with_the_user,
    "practice: merged as a whole": merged_as_a_whole,
}
