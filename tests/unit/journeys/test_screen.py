"""The terminal: each column holds its own person's words, what crosses spans both."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from beheard_hub.client import Event, Hub
from beheard_hub.demo.acts import resolved
from beheard_hub.demo.phone import Phone
from beheard_hub.demo.record import PlayResult, Unwatched, crossing, find_texts
from beheard_hub.demo.screen import Screen
from beheard_hub.journeys import SIDES, Side

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def event(name: str, **data: object) -> Event:
    return Event(session_id="s", seq=1, name=name, data=data, at=NOW)


def screen() -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    shown = Screen(Console(file=out, width=100, highlight=False, force_terminal=False))
    shown.began({"a": "Nora", "b": "Ben"}, "Housework")
    return shown, out


def test_each_column_holds_its_own_words_and_no_control_sequences() -> None:
    shown, out = screen()
    shown.wrote("a", "message.send", {"content": "left words"})
    shown.wrote("b", "message.send", {"content": "right words"})
    ai = {"role": "AI", "content": "I hear you."}
    shown.heard("b", event("message.created", message=ai))
    lines = out.getvalue().splitlines()
    left = next(line for line in lines if "left words" in line)
    right = next(line for line in lines if "right words" in line)
    answer = next(line for line in lines if "I hear you." in line)
    assert left.index("left words") < 48 < right.index("right words")
    assert answer.index("I hear you.") > 48
    assert "\x1b" not in out.getvalue()


def test_what_crosses_is_shown_once_and_says_who_sees_it() -> None:
    shown, out = screen()
    reply = {"attempt": {"content": "It must be lonely."}}
    shown.answered("a", "empathy.partner", reply)
    shown.answered("a", "empathy.partner", reply)
    assert out.getvalue().count("It must be lonely.") == 1
    assert "Nora sees, how Ben believes it is for Nora" in out.getvalue()


def test_stages_notices_and_the_end() -> None:
    shown, out = screen()
    shown.heard("a", event("progress.changed", stage=1, status="IN_PROGRESS", gates={}))
    shown.heard("a", event("partner.joined"))
    shown.ended(PlayResult(status="RESOLVED", outcome="AGREEMENT", ack_ms=[1.0, 2.0], messages=42))
    text = out.getvalue()
    assert "stage 1: each is heard in private" in text
    assert "Ben is here" in text
    assert "RESOLVED with an agreement" in text
    assert "42 messages" in text
    assert "median 1.5 ms" in text


async def test_references_reach_into_kept_replies_of_both() -> None:
    hub = Hub.connect("ws://127.0.0.1:1", "t")
    phones: dict[Side, Phone] = {
        side: Phone(side, "x", hub, PlayResult(), Unwatched()) for side in SIDES
    }
    a, b = phones["a"], phones["b"]
    a.saved["overlap"] = {"overlap": [{"id": "s1"}]}
    b.saved["first"] = {"agreement": {"id": "g"}}
    data = {"x": "$overlap.overlap.0.id", "y": ["$b.first.agreement.id"], "z": "plain"}
    assert resolved(data, a, phones) == {"x": "s1", "y": ["g"], "z": "plain"}
    assert resolved("$time.in_3_days", a, phones) > NOW.isoformat()


def test_what_is_written_and_what_crosses() -> None:
    data = {"validated": False, "feedback": "f", "consentToShareFeedback": True}
    assert crossing("empathy.validate", data) == ["f"]
    assert crossing("empathy.validate", {**data, "consentToShareFeedback": False}) == []
    nested = {"confirmations": [{"adjustment": "deep"}]}
    assert find_texts(nested, "needs.confirm") == [
        ("needs.confirm.confirmations.adjustment", "deep")
    ]
