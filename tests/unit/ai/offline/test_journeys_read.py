"""The journeys, read as the two people in them read the facilitator: no hub, one thread each."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from beheard_hub.ai.bundles import Frame, assemble
from beheard_hub.ai.memory_intent import memory_intent
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.quoting import plain
from beheard_hub.facilitation import Bundle, Spoken
from beheard_hub.journeys import SIDES, Journey, Side, Step, load, names
from tests.unit.ai.bundles_for_tests import BASE

GATES = {
    "feel_heard.confirm": "feelHeardConfirmed",
    "empathy.consent": "empathyConsented",
    "strategies.overlap": "overlapIdentified",
    "agreement.confirm": "agreementCreated",
}


class Reader:
    """One side of a journey and its thread with the facilitator."""

    def __init__(self, facilitator: OfflineFacilitator, journey: Journey, side: Side) -> None:
        me, partner = (journey.a, journey.b) if side == "a" else (journey.b, journey.a)
        self.names = (me.name, partner.name)
        self.facilitator, self.journey, self.side = facilitator, journey, side
        self.stage, self.minute = 0, 0
        self.gates: dict[str, bool] = {}
        self.rows: list[dict[str, Any]] = []
        self.answers: list[tuple[str, Spoken]] = []
        """What was said, and the reply to it."""

    def keep(self, text: str, type_: str = "message", **fields: Any) -> None:
        """A row of the thread or the vessel, a minute later; a reading comes with its message."""
        self.minute += type_ == "message"
        self.rows.append(
            {
                "type": type_,
                "source": "user",
                "id": f"m{len(self.rows):04}",
                "consent": "not_applicable",
                "created_at": BASE + timedelta(minutes=self.minute),
                "stage": self.stage,
                "text": text,
                "fields": fields,
                "owner": f"{self.journey.name} {self.names[0]}",
                "session": self.journey.name,
            }
        )

    def bundle(self, newest: str, intensity: int | None) -> Bundle:
        """What the facilitator may see now."""
        me, partner = self.names
        frame = Frame(
            user_id=f"{self.journey.name} {me}", session_id=self.journey.name, user_name=me,
            partner_name=partner, gates=self.gates,
        )  # fmt: skip
        seen = [r for r in self.rows if self.stage < 3 or r["stage"] == self.stage]
        intent = memory_intent(self.stage, newest, intensity)
        return assemble(self.stage, intent, seen, frame).bundle

    async def say(self, text: str, intensity: int | None) -> None:
        """One message and its answer."""
        self.keep(text, role="USER", answered=False)
        if intensity is not None:
            self.keep("", "emotional_reading", intensity=intensity)
        stream = self.facilitator.reply(self.bundle(text, intensity))
        spoken = [part async for part in stream][-1]
        assert isinstance(spoken, Spoken)
        for row in self.rows:
            if row["type"] == "message":
                row["fields"]["answered"] = True
        self.keep(spoken.text, role="AI", answered=True)
        self.answers.append((text, spoken))

    async def take(self, step: Step) -> None:
        """One step, as far as the thread knows of it."""
        if step.say is not None:
            await self.say(step.say, step.intensity)
        elif step.do == "advance":
            self.stage, self.gates = self.stage + 1, {}
            opening = self.facilitator.open_stage(self.bundle("", None))
            self.keep([part async for part in opening][-1].text, role="AI", answered=True)
        elif step.do in GATES and (step.data.get("confirmed", True)):
            self.gates = {**self.gates, GATES[step.do]: True}


@pytest.fixture(
    params=[(name, side) for name in names() for side in SIDES], ids=lambda p: "-".join(p)
)
async def reader(request: pytest.FixtureRequest, facilitator: OfflineFacilitator) -> Reader:
    name, side = request.param
    reader = Reader(facilitator, load(name), side)
    for step in reader.journey.steps:
        if side in step.sides:
            await reader.take(step)
    assert len(reader.answers) >= 15
    return reader


def _sentences(text: str) -> list[str]:
    return [s.strip() for s in re.split(r"(?<=[.?!])\s+", text) if len(s.split()) > 3]


def test_no_sentence_comes_twice(reader: Reader) -> None:
    said = Counter(s for _, spoken in reader.answers for s in _sentences(spoken.text))
    assert [sentence for sentence, times in said.items() if times > 1] == []


def test_two_answers_in_a_row_do_not_begin_alike(reader: Reader) -> None:
    starts = [" ".join(spoken.text.split()[:3]) for _, spoken in reader.answers]
    assert [a for a, b in pairwise(starts) if a == b] == []


def test_a_quotation_is_literal_and_whole(reader: Reader) -> None:
    for text, spoken in reader.answers:
        for quote in re.findall(r'"([^"]+)"', spoken.text):
            if quote == "only":
                continue
            at = plain(text).find(quote)
            assert at >= 0, quote
            assert not plain(text)[at - 1 : at].isalnum()
            assert not plain(text)[at + len(quote) : at + len(quote) + 1].isalnum()
        assert spoken.text.count('"') % 2 == 0


def test_nobody_is_left_in_the_first_person(reader: Reader) -> None:
    """An echo speaks of "you"; only the facilitator says "I", in its own sentences."""
    wrong = re.compile(
        r"\b(?:you (?:am|was|wasn't|has|is)\b|both of the two|mine|myself|our)\b", re.IGNORECASE
    )
    for text, spoken in reader.answers:
        unquoted = re.sub(r'"[^"]*"', "", spoken.text)
        assert wrong.findall(unquoted) == [], text


def test_no_seam_shows(reader: Reader) -> None:
    for _, spoken in reader.answers:
        assert not re.search(r"[,;:]\.|,,|\.\.|  |\s[.,;:]|[.?!] [a-z]", spoken.text), spoken.text


def test_names_are_those_of_the_journey(reader: Reader) -> None:
    everybody = {p.name for n in names() for p in (load(n).a, load(n).b)}
    strangers = everybody - set(reader.names)
    for _, spoken in reader.answers:
        assert not strangers & set(re.findall(r"\w+", spoken.text))
        assert "{" not in spoken.text


def test_most_answers_use_what_was_said(reader: Reader) -> None:
    def words(text: str) -> set[str]:
        return set(re.findall(r"[a-z']{5,}", plain(text).lower()))

    using = [bool(words(text) & words(spoken.text)) for text, spoken in reader.answers]
    assert sum(using) / len(using) >= 0.6


def test_support_comes_only_with_a_strong_or_risen_reading(reader: Reader) -> None:
    read = {
        s.say: s.intensity
        for s in reader.journey.steps
        if s.say and s.intensity and reader.side in s.sides
    }
    strong = {text for text, intensity in read.items() if intensity >= 8}
    supported = {text for text, spoken in reader.answers if "/support-" in spoken.prompt_version}
    assert strong <= supported <= read.keys()
