"""A reply, put together: their own words, a guess held lightly, one open question.

`ROUTES` is read from the top; the first row that applies writes the reply. Danger comes first and
ends all coaching; overwhelm comes next and asks for nothing; then what the message itself calls
for (a correction, a question to the program, being understood); then the mirror; then the stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.crisis import Crisis, Severity, assess
from beheard_hub.ai.offline import mirror
from beheard_hub.ai.offline.choosing import choose, fresh, last_use
from beheard_hub.ai.offline.listening import Heard, listen
from beheard_hub.ai.offline.texts import pattern, table
from beheard_hub.ai.offline.words import capitalised, content_stems, words
from beheard_hub.ai.sharing import meant, wanted
from beheard_hub.ai.thread import (
    REDIRECTIONS_MAX,
    Thread,
    overwhelmed,
    ripe,
    support_offered,
)
from beheard_hub.facilitation import Bundle, Item

_SHORT_WORDS_MAX = 3
_NEED_QUESTION_STAGES = (1, 3)
_GUESSING_STAGES = (1, 3)
_SKIPPED = {3: 0.6, 4: 0.8}
"""Stages that do not see the earlier conversation → part of a pool that is taken as used there."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply and what it offers beside the text."""

    text: str
    offer_feel_heard: bool = False
    offer_support: str | None = None
    ask_to_share: tuple[str, str] | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a route may look at."""

    stage: int
    overwhelmed: bool
    ripe: bool
    """Whether the question "do you feel heard?" may be offered."""
    gates: Mapping[str, bool]
    thread: Thread
    heard: Heard
    crisis: Crisis | None
    events: Sequence[Item] = ()
    """What the user noted down of what happened; only where the stage may see it."""

    @property
    def heart_confirmed(self) -> bool:
        """Whether the user has said that they feel heard."""
        return bool(self.gates.get("feelHeardConfirmed"))

    def pick(self, section: str, pool: str) -> str:
        """A line of `texts/replies.toml`, in its turn."""
        lines: Sequence[str] = table("replies")[section][pool]
        key = f"{self.thread.key}:{section}:{pool}"
        return choose(lines, self.thread.answers, key, _SKIPPED.get(self.stage, 0.0))

    def fill(self, line: str, **values: str) -> str:
        """The line with its placeholders filled."""
        return line.format(partner=self.thread.partner, **values)


_UNDERSTOOD = pattern("cues", "understood")
_CORRECTION = pattern("cues", "correction")
_EASED = pattern("cues", "eased")
_BRIGHT = pattern("cues", "bright")
_ENDING = pattern("cues", "ending")
_ASIDES = {name: pattern("cues", "aside", name) for name in table("cues")["aside"]}


def _crisis(turn: Turn) -> Answer:
    """Help first and nothing else; a mere concern is named, and leaves room without coaching."""
    severity = turn.crisis.severity if turn.crisis else Severity.CONCERN
    room = turn.pick("ask", "space") if severity == Severity.CONCERN else ""
    return Answer(text=_joined(turn.pick("crisis", severity.name.lower()), room))


def _support(turn: Turn) -> Answer:
    """Slower, and nothing is asked; where it passes already, room is all that is left to give."""
    echo = _echo(turn, or_else=False)
    if _EASED.search(turn.thread.newest):
        return Answer(text=_joined(turn.pick("support", "eased"), echo, turn.pick("ask", "space")))
    parts = (turn.pick("support", "open"), echo, turn.pick("support", "ground"))
    return Answer(
        text=_joined(*parts, turn.pick("support", "close")),
        offer_support=support_offered(turn.thread),
    )


def _what_is_missing(turn: Turn) -> Answer:
    return Answer(text=turn.fill(turn.pick("ask", "missing" if turn.stage == 1 else "space")))


def _correction(turn: Turn) -> Answer:
    return Answer(text=_joined(turn.pick("thanks", "correction"), _echo(turn, False), _ask(turn)))


def _understood(turn: Turn) -> Answer:
    if turn.stage != 1 or turn.heart_confirmed:
        return Answer(text=_joined(turn.pick("thanks", "heard"), _ask(turn)))
    text = _joined(turn.pick("thanks", "heard"), turn.pick("thanks", "offer"))
    return Answer(text=text, offer_feel_heard=True)


def _aside(turn: Turn) -> Answer:
    name = _aside_name(turn)
    return Answer(text=_joined(turn.fill(turn.pick("aside", name or "what_next")), _ask(turn)))


def _mirror(turn: Turn) -> Answer:
    thread = turn.thread
    name = mirror.trap_in(thread.newest, thread.partner)
    row = mirror.in_a_row(thread.said, thread.partner)
    if name is None or row > REDIRECTIONS_MAX:
        return Answer(text=turn.fill(choose(mirror.options(), thread.answers, thread.key)))
    lines = mirror.lines_for(name)
    ack, reframe, ask = (
        turn.fill(choose(lines[part], thread.answers, f"{thread.key}:{part}"))
        for part in ("ack", "reframe", "turn")
    )
    return Answer(text=_joined(ack, reframe, ask))


def _short(turn: Turn) -> Answer:
    return Answer(
        text=_joined(turn.pick("thanks", "short"), _ask(turn)), offer_feel_heard=turn.ripe
    )


def _share(turn: Turn) -> Answer:
    text = _joined(_echo(turn), turn.fill(turn.pick("share", "asked")))
    return Answer(text=text, ask_to_share=wanted(_meant(turn)))


def _meant(turn: Turn) -> Item | None:
    """The note that the user would like to be known; spoken of once in a thread."""
    asked: Sequence[str] = table("replies")["share"]["asked"]
    if any(last_use(turn.fill(line), turn.thread.answers) >= 0 for line in asked):
        return None
    return meant(turn.stage, turn.thread.newest, turn.events)


def _by_stage(turn: Turn) -> Answer:
    note = _stage_note(turn)
    guess = "" if note or turn.stage not in _GUESSING_STAGES else _guess(turn)
    shape = len(turn.thread.answers) % 4
    bodies = (
        (_echo(turn), guess, note, _ask(turn)),
        (_echo(turn), note, guess, _ask(turn)),
        (_echo(turn), guess, _ask(turn)),
        (_echo(turn), note or guess, _ask(turn)),
    )
    return Answer(text=_joined(*bodies[shape]), offer_feel_heard=turn.ripe)


Applies = Callable[[Turn], object]
ROUTES: tuple[tuple[str, Applies, Callable[[Turn], Answer]], ...] = (
    ("crisis", lambda t: t.crisis is not None, _crisis),
    ("nothing_new", lambda t: not t.thread.newest.strip(), _what_is_missing),
    ("support", lambda t: t.overwhelmed, _support),
    ("aside", lambda t: _aside_name(t), _aside),
    ("correction", lambda t: _CORRECTION.search(t.thread.newest), _correction),
    ("understood", lambda t: _UNDERSTOOD.search(t.thread.newest), _understood),
    (
        "mirror",
        lambda t: t.stage in (2, 3) and mirror.trap_in(t.thread.newest, t.thread.partner),
        _mirror,
    ),
    ("share", lambda t: _meant(t) is not None, _share),
    ("short", lambda t: len(words(t.thread.newest)) <= _SHORT_WORDS_MAX, _short),
    ("stage", lambda t: True, _by_stage),
)


def route_of(turn: Turn) -> str:
    """Name of the row of `ROUTES` that answers; for the prompt version and the tests."""
    return next(name for name, applies, _ in ROUTES if applies(turn))


def answer(turn: Turn) -> Answer:
    """The reply of one turn."""
    return next(write for _, applies, write in ROUTES if applies(turn))(turn)


def turn_of(bundle: Bundle, thread: Thread) -> Turn:
    """Everything a reply needs, from the bundle alone."""
    return Turn(
        stage=bundle.stage,
        overwhelmed=overwhelmed(bundle, thread),
        ripe=ripe(bundle, thread),
        gates=bundle.gates,
        thread=thread,
        heard=listen(thread),
        crisis=assess(thread.newest),
        events=[item for item in bundle.items if item.type == "user_event"],
    )


def _aside_name(turn: Turn) -> str | None:
    text = turn.thread.newest
    return next((name for name, cue in _ASIDES.items() if cue.search(text)), None)


def _echo(turn: Turn, or_else: bool = True) -> str:
    """Their own words, or a plain sign of having heard."""
    heard = turn.heard
    if heard.clause and not (heard.quote and len(turn.thread.answers) % 5 == 4):
        return capitalised(turn.fill(turn.pick("reflect", _frame(turn)), clause=heard.clause))
    if _bright(turn):
        return turn.pick("reflect", "bright")
    if heard.quote:
        return turn.fill(turn.pick("reflect", "quote"), quote=heard.quote)
    return turn.pick("reflect", "none_practical" if turn.stage == 4 else "none") if or_else else ""


def _frame(turn: Turn) -> str:
    """The list of `reflect` that fits the clause and the stage; the first that applies."""
    kind = turn.heard.kind
    frames = (
        ("bright_words", _bright(turn) and kind in {"self", "felt"}),
        ("wondering", turn.stage == 2 and kind == "other"),
        ("practical", turn.stage == 4 and kind == "self"),
    )
    return next((name for name, fits in frames if fits), kind)


def _bright(turn: Turn) -> bool:
    return turn.stage > 1 and _BRIGHT.search(turn.thread.newest) is not None


def _guess(turn: Turn) -> str:
    """A feeling and a need, tentatively and not every time; nothing where nothing was heard, or
    where the user has named it."""
    heard, recent = turn.heard, " ".join(turn.thread.answers[-4:])
    if heard.named or _bright(turn) or len(turn.thread.answers) % 3 == 0:
        return ""
    kind = next((k for k in heard.needs if k.wish not in recent), None)
    if heard.feeling and kind:
        return turn.fill(turn.pick("guess", "both"), feeling=heard.feeling, wish=kind.wish)
    if heard.feeling:
        return turn.fill(turn.pick("guess", "feeling"), feeling=heard.feeling)
    if kind:
        return turn.fill(turn.pick("guess", "wish"), wish=kind.wish)
    return ""


def _ask(turn: Turn) -> str:
    """One open question that this thread has not heard yet; after the last one, room."""
    thread = turn.thread
    if turn.stage == 4 and _bright(turn) and not _ends(turn):
        return turn.pick("ask", "space")
    pool = [turn.fill(line) for line in table("replies")["ask"][_questions(turn)]]
    if turn.stage in _NEED_QUESTION_STAGES and len(thread.answers) % 2:
        own = [kind.question for kind in turn.heard.needs[:2]]
        chosen = fresh(own, thread.answers, thread.key) if own else None
        if chosen:
            return chosen
    return _nearest_fresh(pool, thread) or turn.pick("ask", "space")


def _questions(turn: Turn) -> str:
    """The list of questions that fits how far the user has come."""
    gates = turn.gates
    lists = (
        ("stage4_ending", turn.stage == 4 and (gates.get("agreementCreated") or _ends(turn))),
        ("stage4_shaping", turn.stage == 4 and gates.get("overlapIdentified")),
        ("stage2_shown", turn.stage == 2 and gates.get("empathyConsented")),
    )
    return next((name for name, fits in lists if fits), f"stage{max(1, turn.stage)}")


def _ends(turn: Turn) -> bool:
    return turn.stage == 4 and _ENDING.search(turn.thread.newest) is not None


def _nearest_fresh(pool: Sequence[str], thread: Thread) -> str | None:
    """An unused question that shares no words with the last message: not what was just told."""
    told = content_stems(thread.newest)
    apart = [line for line in pool if not content_stems(line) & told]
    key = f"{thread.key}:ask"
    chosen = fresh(apart, thread.answers, key) if apart else None
    return chosen or fresh(pool, thread.answers, key)


def _stage_note(turn: Turn) -> str:
    """What the stage adds to listening, every now and then."""
    note = _NOTES.get(turn.stage)
    return note(turn) if note else ""


def _note_witness(turn: Turn) -> str:
    return turn.pick("stage", "witness") if len(turn.thread.answers) % 4 == 1 else ""


def _note_curious(turn: Turn) -> str:
    if not mirror.curious(turn.thread.newest, turn.thread.partner):
        return ""
    return turn.fill(turn.pick("stage", "curious"))


def _note_needs(turn: Turn) -> str:
    return turn.pick("stage", "needs") if len(turn.thread.answers) % 3 == 1 else ""


_TIME = pattern("cues", "time")
_MEASURE = pattern("cues", "measure")
_VAGUE = pattern("cues", "vague")
_PROPOSAL = pattern("cues", "proposal")


def _note_repair(turn: Turn) -> str:
    text = turn.thread.newest
    if _ends(turn):
        return turn.pick("stage", "ending")
    if turn.gates.get("agreementCreated"):
        return turn.pick("stage", "agreed")
    if not _PROPOSAL.search(text):
        return ""
    checks: tuple[tuple[Any, str], ...] = (
        (_VAGUE.search(text) and not _TIME.search(text), "vague"),
        (not _TIME.search(text), "time_missing"),
        (not _MEASURE.search(text), "measure_missing"),
    )
    return turn.pick("stage", next((pool for wanting, pool in checks if wanting), "solid"))


_NOTES: dict[int, Callable[[Turn], str]] = {
    1: _note_witness,
    2: _note_curious,
    3: _note_needs,
    4: _note_repair,
}


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
