"""Two phones side by side in the terminal, as an append-only log of rows.

What a person writes, and what the facilitator answers, stands in that person's column alone. What
crosses spans both columns and is taken from what the *other* client got back from the hub:
the screen shows what was really seen there, not what was meant to be. A terminal gets colour;
elsewhere plain lines without any control sequence.
"""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from beheard_hub.client import Event, Streamed
from beheard_hub.demo.record import PlayResult
from beheard_hub.journeys import Side, Step

WIDTH_MIN, WIDTH_MAX = 72, 150

STAGES = (
    "the compact",
    "each is heard in private",
    "how it may be for the other",
    "what both need",
    "what to try",
)

PRIVATE_NOTES: Mapping[str, tuple[str, str]] = {
    "session.create": ("opens the session, for herself", "context"),
    "emotions.record": ("feels", "context"),
    "event.add": ("notes what happened", "description"),
    "boundary.add": ("draws a line", "description"),
    "empathy.save_draft": ("drafts", "content"),
    "session.pause": ("pauses", "reason"),
    "session.resume": ("goes on", ""),
    "exercises.complete": ("does the exercise", ""),
    "compact.sign": ("signs the compact", ""),
    "feel_heard.confirm": ("feels heard", ""),
    "empathy.consent": ("lets the attempt cross", ""),
    "empathy.validate": ("answers the attempt", "feedback"),
    "needs.add": ("adds a need", "description"),
    "needs.consent": ("lets the confirmed needs cross", ""),
    "consent.request": ("asks what would cross", ""),
    "consent.revoke": ("takes a consent back", ""),
    "strategies.propose": ("proposes", "description"),
    "strategies.suggest": ("asks for ideas", ""),
    "strategies.ready": ("has no more ideas", ""),
    "strategies.rank": ("ranks, unseen", ""),
    "agreement.create": ("proposes an agreement", "description"),
    "session.resolve": ("closes the session", ""),
}
"""Command → what it is called in the own column, and the field whose text follows."""

ANSWERS: Mapping[tuple[str, str, Any], str] = {
    ("empathy.validate", "validated", True): "says: yes, that is how it is",
    ("empathy.validate", "validated", False): "says: not quite, and lets cross",
    ("consent.decide", "decision", "DENIED"): "keeps it private",
    ("consent.decide", "decision", "GRANTED"): "lets it cross, in other words",
    ("agreement.confirm", "confirmed", True): "says yes to the agreement",
    ("agreement.confirm", "confirmed", False): "changes the agreement",
    ("session.resolve", "withoutAgreement", True): "would end without an agreement",
}
"""Where a field decides what it is called; read before `PRIVATE_NOTES`."""

NOTICES: Mapping[str, str] = {
    "partner.joined": "{partner} is here",
    "partner.signed_compact": "{partner} signed the compact",
    "partner.stage_completed": "{partner} finished a stage",
    "partner.empathy_shared": "{partner} shared an attempt to understand",
    "partner.empathy_validated": "{partner} feels understood",
    "partner.empathy_feedback": "{partner} sent feedback",
    "partner.content_shared": "{partner} shared something",
    "partner.needs_shared": "{partner} shared needs",
    "consent.revoked": "something shared was taken back",
    "session.paused": "the session rests",
    "session.resumed": "the session goes on",
    "session.close_proposed": "an end without agreement was proposed",
    "strategies.ranking_open": "the pool is open for ranking",
    "agreement.proposed": "there is a proposal to answer",
    "agreement.confirmed": "both agreed",
    "support.offered": "offered: {supportType}",
    "feel_heard.offered": "the facilitator asks: do you feel heard?",
    "safety.resources": "places that help are shown",
}


def _texts(items: Sequence[Mapping[str, Any]], *fields: str) -> list[str]:
    return [": ".join(str(item[field]) for field in fields) for item in items]


CROSSED: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], list[str]]]] = {
    "empathy.partner": (
        "how {partner} believes it is for {me}",
        lambda reply: [reply["attempt"]["content"]] if reply["attempt"] else [],
    ),
    "empathy.feedback": (
        "{partner}'s feedback",
        lambda reply: [reply["feedback"]] if reply["feedback"] else [],
    ),
    "shared.list": (
        "shared by {partner}",
        lambda reply: _texts(
            [item for item in reply["partner"] if item["consentActive"]], "transformedContent"
        ),
    ),
    "common_ground.list": (
        "common ground",
        lambda reply: _texts(reply["commonGround"], "need", "description"),
    ),
    "strategies.overlap": (
        "in both lists",
        lambda reply: _texts(reply["overlap"], "description"),
    ),
    "agreement.list": (
        "the agreement",
        lambda reply: _texts(
            [item for item in reply["agreements"] if item["status"] != "ABANDONED"],
            "description",
        ),
    ),
}
"""Reads that show what came across: how it is called, and its texts in the reply."""


class Screen:
    """A `Watcher` that prints."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        width = max(WIDTH_MIN, min(WIDTH_MAX, self._console.width))
        self._column = (width - 3) // 2
        self._names: Mapping[Side, str] = {"a": "A", "b": "B"}
        self._stage: dict[Side, int] = {"a": 0, "b": 0}
        self._seen: set[tuple[str, str]] = set()

    def began(self, names: Mapping[Side, str], title: str) -> None:
        """Prints the title and the head of both columns."""
        self._names = names
        self._wide(title, "bold")
        self._row("a", f"A: {names['a']}", "bold", right=f"B: {names['b']}")
        self._wide("-" * (2 * self._column + 3), "dim")
        for side in names:
            self._row(side, f"--- stage 0: {STAGES[0]}", "bold")

    def step(self, number: int, side: Side, step: Step) -> None:
        """Steps show themselves by what they write."""

    def wrote(self, side: Side, command: str, data: Mapping[str, Any]) -> None:
        """What the person does, in their own column only."""
        if command == "message.send":
            self._row(side, f"> {data['content']}", "white")
            return
        label, field = PRIVATE_NOTES.get(command, ("", ""))
        for (name, key, value), sentence in ANSWERS.items():
            if name == command and data.get(key) == value:
                label = sentence
        text = data.get(field) or data.get("editedContent") or data.get("modification") or ""
        strength = f" {data['intensity']}/10" if command == "emotions.record" else ""
        if label:
            self._row(side, f"({label}{strength}){': ' if text else ''}{text}", "yellow")

    def answered(self, side: Side, command: str, reply: Mapping[str, Any]) -> None:
        """What came across, once, marked over both columns."""
        if command not in CROSSED:
            return
        partner: Side = "b" if side == "a" else "a"
        words = {"me": self._names[side], "partner": self._names[partner]}
        title, texts_of = CROSSED[command]
        shared_by_both = "partner" not in title
        for text in texts_of(reply):
            seen = (command if shared_by_both else side, text)
            if seen in self._seen:
                continue
            self._seen.add(seen)
            who = "both see" if shared_by_both else f"{words['me']} sees"
            arrow = "<==>" if shared_by_both else "<===" if side == "a" else "===>"
            self._wide(f"{arrow} {who}, {title.format(**words)}: {text}", "bold green")

    def heard(self, side: Side, frame: Streamed) -> None:
        """The facilitator's words, notices and changes of stage."""
        if not isinstance(frame, Event):
            return
        if frame.name == "message.created":
            message = frame.data["message"]
            if message["role"] == "AI":
                self._row(side, f"AI: {message['content']}", "cyan")
        elif frame.name == "progress.changed":
            self._progress(side, frame.data)
        elif frame.name in NOTICES:
            partner = self._names["b" if side == "a" else "a"]
            words = {"partner": partner, "supportType": frame.data.get("supportType", "")}
            self._row(side, f"* {NOTICES[frame.name].format(**words)}", "magenta")

    def ended(self, result: PlayResult) -> None:
        """The end in one line, and the figures."""
        self._wide("-" * (2 * self._column + 3), "dim")
        outcomes = {
            "AGREEMENT": "with an agreement that both said yes to",
            "NO_SHARED_AGREEMENT": "without an agreement, by the will of both",
        }
        how = outcomes.get(result.outcome or "", "")
        self._wide(f"{result.status} {how}".rstrip(), "bold green")
        median = statistics.median(result.ack_ms) if result.ack_ms else 0.0
        self._wide(
            f"{result.messages} messages, {result.crossed} texts let across, "
            f"{len(result.ack_ms)} commands acked, median {median:.1f} ms",
            "",
        )

    def _progress(self, side: Side, progress: Mapping[str, Any]) -> None:
        stage = int(progress["stage"])
        if stage > self._stage[side]:
            self._stage[side] = stage
            self._row(side, f"--- stage {stage}: {STAGES[stage]}", "bold")

    def _row(self, side: Side, text: str, style: str, right: str = "") -> None:
        left, other = (text, right) if side == "a" else (right, text)
        lines = [textwrap.wrap(part, self._column) for part in (left, other)]
        for number in range(max(map(len, lines))):
            here, there = (part[number] if number < len(part) else "" for part in lines)
            row = Text(no_wrap=True)
            row.append(here.ljust(self._column), style)
            row.append(" | ", "dim")
            row.append(there, style)
            row.rstrip()
            self._print(row)

    def _wide(self, text: str, style: str) -> None:
        for line in textwrap.wrap(text, 2 * self._column + 3, subsequent_indent="     "):
            self._print(Text(line, style))

    def _print(self, row: Text) -> None:
        self._console.print(row, no_wrap=True, overflow="ignore", crop=False)
