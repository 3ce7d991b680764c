"""The promises of spec 09, Reliability, each as one function over a `History`.

Every check yields sentences for people. They are told apart by the name of the promise that they
break, which is the key of `CHECKS`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from beheard_hub.domain.mediation.protocol import GATES
from beheard_hub.domain.refusals import Code
from tests.histories.folding import followed, pictured
from tests.histories.log import Answered, History, Listened, Sent, Shown, StoredEvent, Told

Key = tuple[str, str]
"""(session, user), or (user, command)."""

READS = frozenset({"session.get", "progress.get", "message.list", "gates.get"})
"""Commands that leave no receipt."""
MIRRORS = {gate.key: gate.mirrors for gate in GATES if gate.mirrors is not None}


class Violation(msgspec.Struct, frozen=True):
    """A promise that was not kept."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


def violations(history: History) -> list[Violation]:
    """All that is wrong with a run; empty when every promise was kept."""
    return [
        Violation(promise, what) for promise, check in CHECKS.items() for what in check(history)
    ]


def _of(history: History, kind: type) -> Iterator[Any]:
    return (entry for entry in history.entries if isinstance(entry, kind))


def _acked(history: History) -> list[Answered]:
    return [answer for answer in _of(history, Answered) if not answer.code]


def _names(history: History) -> dict[Key, str]:
    return {(sent.user_id, sent.command_id): sent.name for sent in _of(history, Sent)}


# ---- commands


def acked_is_stored(history: History) -> Iterator[str]:
    """Nothing acked is lost."""
    names = _names(history)
    stored = {(r.user_id, r.command_id) for r in history.stored.receipts}
    for answer in _acked(history):
        key = (answer.user_id, answer.command_id)
        if names[key] not in READS and key not in stored:
            yield f"{answer.command_id} was acked at {answer.at:.3f} and has no receipt"


def nothing_twice(history: History) -> Iterator[str]:
    """A command has one receipt and one effect, whatever became of its answer."""
    receipts = Counter((r.user_id, r.command_id) for r in history.stored.receipts)
    for (_, command_id), count in receipts.items():
        if count > 1:
            yield f"{command_id} has {count} receipts"
    received = {command_id for _, command_id in receipts}
    effects = Counter(effect.command_id for effect in history.stored.effects)
    for command_id, count in effects.items():
        if count > 1:
            yield f"{command_id} was applied {count} times"
        if command_id not in received:
            yield f"{command_id} was applied and has no receipt"
    for what, count in Counter(history.stored.reactions).items():
        if count > 1:
            yield f"{what} happened {count} times"


def one_answer_for_all(history: History) -> Iterator[str]:
    """All acks of one command say the same."""
    first: dict[Key, Answered] = {}
    names = _names(history)
    for answer in _acked(history):
        key = (answer.user_id, answer.command_id)
        if names[key] in READS:
            continue
        earlier = first.setdefault(key, answer)
        if _ids(answer.data) != _ids(earlier.data):
            yield f"{answer.command_id} was acked with {earlier.data} and with {answer.data}"


def _ids(data: Any) -> set[str]:
    """Ids of an answer; the shapes around them may be newer in a later answer."""
    return {word for word in _words(data) if any(c.isdigit() for c in word) and "T" not in word}


def users_order_is_kept(history: History) -> Iterator[str]:
    """What a user sent later was applied later: after an answer always, in one go on one connection
    where nothing was refused or repeated on the way."""
    order = {effect.command_id: effect.order for effect in history.stored.effects}
    for commands in _sent_in_order(history).values():
        applied = [(order[c.id], c) for c in commands if c.id in order]
        for (place, earlier), (next_place, later) in pairwise(applied):
            if next_place < place and _bound(earlier, later):
                yield f"{later.id} was applied before {earlier.id}"


class _Course(msgspec.Struct):
    """What became of one command, from its first sending on."""

    id: str
    client: str
    at: float
    smooth: bool = True
    """Sent once, and not refused."""
    acked_at: float | None = None


def _bound(earlier: _Course, later: _Course) -> bool:
    if earlier.acked_at is not None and earlier.acked_at < later.at:
        return True
    return earlier.smooth and later.smooth and earlier.client == later.client


def _sent_in_order(history: History) -> Mapping[Key, Sequence[_Course]]:
    courses: dict[Key, dict[str, _Course]] = defaultdict(dict)
    for entry in history.entries:
        if not isinstance(entry, Sent | Answered):
            continue
        known = courses[entry.session_id, entry.user_id]
        course = known.get(entry.command_id)
        if isinstance(entry, Sent):
            if course is None:
                known[entry.command_id] = _Course(entry.command_id, entry.client, entry.at)
            else:
                course.smooth = False
        elif course is not None:
            course.smooth = course.smooth and not entry.code
            if not entry.code and course.acked_at is None:
                course.acked_at = entry.at
    return {key: list(known.values()) for key, known in courses.items()}


def no_stale_answers(history: History) -> Iterator[str]:
    """Who asks after an answer is not told less than that answer told."""
    newest: dict[Key, int] = defaultdict(int)
    floor: dict[tuple[str, str], int] = {}
    for entry in history.entries:
        if isinstance(entry, Sent) and entry.session_id:
            floor[entry.client, entry.command_id] = newest[entry.session_id, entry.user_id]
        elif isinstance(entry, Answered) and not entry.code and entry.session_id:
            least = floor.get((entry.client, entry.command_id), 0)
            if entry.seq < least:
                yield f"{entry.command_id} was answered with seq {entry.seq} after seq {least}"
            key = (entry.session_id, entry.user_id)
            newest[key] = max(newest[key], entry.seq)


def no_faults_of_ours(history: History) -> Iterator[str]:
    """INTERNAL_ERROR is never an answer to a fault from outside."""
    for answer in _of(history, Answered):
        if answer.code == Code.INTERNAL_ERROR:
            yield f"{answer.command_id} was answered with INTERNAL_ERROR"


def no_conflict_with_oneself(history: History) -> Iterator[str]:
    """A command is not refused for good by what it has done itself."""
    stored = {(r.user_id, r.command_id) for r in history.stored.receipts}
    for answer in _of(history, Answered):
        if answer.code == Code.CONFLICT and (answer.user_id, answer.command_id) in stored:
            yield f"{answer.command_id} was refused with CONFLICT and is stored"


# ---- events


def stored_seqs_are_whole(history: History) -> Iterator[str]:
    """The log has every seq of a user once, from 1 on."""
    seqs: dict[Key, list[int]] = defaultdict(list)
    for event in history.stored.events:
        seqs[event.session_id, event.user_id].append(event.seq)
    for (session, user), found in seqs.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield f"{user} in {session} has seqs {sorted(found)}"


def heard_in_order(history: History) -> Iterator[str]:
    """A connection hears each seq once and in order, after its snapshot or what it asked for."""
    last: dict[tuple[str, str], int] = {}
    for entry in history.entries:
        if isinstance(entry, Listened):
            if entry.after is not None:
                last[entry.client, entry.session_id] = entry.after
        elif isinstance(entry, Shown):
            before = last.get((entry.client, entry.session_id), 0)
            if entry.seq < before:
                yield f"{entry.client} was shown seq {entry.seq} after {before}"
            last[entry.client, entry.session_id] = entry.seq
        elif isinstance(entry, Told):
            before = last.get((entry.client, entry.session_id), 0)
            if entry.seq != before + 1:
                yield f"{entry.client} heard seq {entry.seq} after {before}"
            last[entry.client, entry.session_id] = entry.seq


def durable_before_visible(history: History) -> Iterator[str]:
    """What anybody heard is stored, and was so before."""
    stored = {(e.session_id, e.user_id, e.seq): e for e in history.stored.events}
    newest: dict[Key, int] = defaultdict(int)
    for event in history.stored.events:
        key = (event.session_id, event.user_id)
        newest[key] = max(newest[key], event.seq)
    for told in _of(history, Told):
        row = stored.get((told.session_id, told.user_id, told.seq))
        if row is None or row.name != told.name:
            yield f"{told.client} heard {told.name} as seq {told.seq}, which is not stored"
        elif _too_early(told, row):
            yield f"{told.client} heard seq {told.seq} at {told.at:.3f}, before its commit"
    for entry in history.entries:
        if not isinstance(entry, Shown | Answered) or not entry.session_id:
            continue
        if entry.seq > newest[entry.session_id, entry.user_id]:
            yield f"{entry.client} was told of seq {entry.seq}, which is not stored"


def _too_early(told: Told, event: StoredEvent) -> bool:
    return event.committed_at is not None and told.at < event.committed_at


def own_things_only(history: History) -> Iterator[str]:
    """Nobody is given an id or a text of somebody else's private rows."""
    private = history.stored.private
    for entry in history.entries:
        if isinstance(entry, Told | Shown | Answered):
            shown = entry.state if isinstance(entry, Shown) else entry.data
            for word in _words(shown):
                if private.get(word, entry.user_id) != entry.user_id:
                    yield f"{entry.user_id} was given {word} of {private[word]}"


def _words(data: Any) -> list[str]:
    words: list[str] = []
    waiting = [data]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            words.extend(found.split())
        elif isinstance(found, (dict, Mapping)):
            waiting.extend(found.values())
        elif isinstance(found, list | tuple):
            waiting.extend(found)
    return words


def read_as_told(history: History) -> Iterator[str]:
    """A thread is read in the order in which it was told, whatever the clocks said."""
    place = {message: n for thread in history.stored.threads for n, message in enumerate(thread)}
    newest: dict[tuple[str, str], str] = {}
    for told in _of(history, Told):
        if told.name != "message.created":
            continue
        message, key = told.data["message"]["id"], (told.client, told.session_id)
        before = newest.setdefault(key, message)
        if {message, before} <= place.keys() and place[message] < place[before]:
            yield f"{message} stands before {before}, after which {told.client} was told of it"
        newest[key] = message


# ---- sessions


def stages_only_rise(history: History) -> Iterator[str]:
    """A connection never sees its own stage fall."""
    seen: dict[tuple[str, str], int] = {}
    for entry in history.entries:
        if isinstance(entry, Shown):
            stage = int(entry.state["progress"]["stage"])
        elif isinstance(entry, Told) and entry.name == "progress.changed":
            stage = int(entry.data["stage"])
        else:
            continue
        before = seen.get((entry.client, entry.session_id), stage)
        if stage < before:
            yield f"{entry.client} saw stage {stage} after {before}"
        seen[entry.client, entry.session_id] = stage


def gates_are_symmetric(history: History) -> Iterator[str]:
    """A gate in the partner's hands is true exactly when the partner's own one is."""
    seats = {(seat.session_id, seat.user_id): seat for seat in history.stored.seats}
    for (session, user), seat in seats.items():
        partners = [s for (of, who), s in seats.items() if of == session and who != user]
        for partner in partners:
            for gate, mirrored in MIRRORS.items():
                mine, theirs = seat.gates.get(gate), partner.gates.get(mirrored)
                if None not in (mine, theirs) and mine != theirs:
                    yield f"{gate} of {user} in {session} is not {mirrored} of the other"


def snapshot_and_events_agree(history: History) -> Iterator[str]:
    """Who followed the events sees what a fresh client sees, and has missed none of them."""
    final = {(shown.session_id, shown.user_id): shown for shown in history.final}
    for (client, _), entries in _followed(history).items():
        snapshot, events = entries
        fresh = final.get((snapshot.session_id, snapshot.user_id))
        if fresh is None or client not in history.listening:
            continue
        last = events[-1].seq if events else snapshot.seq
        if last != fresh.seq:
            yield f"{client} heard up to seq {last}, a fresh client is at {fresh.seq}"
        elif (mine := followed(snapshot, events)) != (theirs := pictured(fresh)):
            yield f"{client} sees {mine}, a fresh client {theirs}"


def _followed(history: History) -> Mapping[tuple[str, str], tuple[Shown, list[Told]]]:
    """Of each connection that was shown a snapshot: the newest, and what it heard since."""
    found: dict[tuple[str, str], tuple[Shown, list[Told]]] = {}
    for entry in history.entries:
        if isinstance(entry, Shown):
            found[entry.client, entry.session_id] = (entry, [])
        elif isinstance(entry, Told) and (entry.client, entry.session_id) in found:
            found[entry.client, entry.session_id][1].append(entry)
    return found


def one_snapshot_per_seq(history: History) -> Iterator[str]:
    """Two snapshots at one seq show the same, on whichever device and host."""
    seen: dict[tuple[str, str, int], Shown] = {}
    shown: Iterable[Shown] = (*_of(history, Shown), *history.final)
    for snapshot in shown:
        first = seen.setdefault((snapshot.session_id, snapshot.user_id, snapshot.seq), snapshot)
        if pictured(first) != pictured(snapshot):
            yield f"{snapshot.user_id} was shown two states at seq {snapshot.seq}"


# ---- hosts


def one_writer(history: History) -> Iterator[str]:
    """Only the owner of a shard writes, and nobody speaks whose lease was taken."""
    for write in history.writes:
        if write.host_id != write.owner:
            yield f"{write.host_id} wrote shard {write.shard} of {write.owner} at {write.at:.3f}"
    for word in history.words:
        if word.lease_taken:
            yield f"{word.host_id} spoke at {word.at:.3f}, after its lease was taken"


CHECKS: Mapping[str, Callable[[History], Iterator[str]]] = {
    "acked is stored": acked_is_stored,
    "nothing twice": nothing_twice,
    "one answer for all": one_answer_for_all,
    "a user's order is kept": users_order_is_kept,
    "no stale answers": no_stale_answers,
    "no faults of ours": no_faults_of_ours,
    "no conflict with oneself": no_conflict_with_oneself,
    "stored seqs are whole": stored_seqs_are_whole,
    "heard in order": heard_in_order,
    "durable before visible": durable_before_visible,
    "own things only": own_things_only,
    "read as told": read_as_told,
    "stages only rise": stages_only_rise,
    "gates are symmetric": gates_are_symmetric,
    "snapshot and events agree": snapshot_and_events_agree,
    "one snapshot per seq": one_snapshot_per_seq,
    "one writer": one_writer,
}
