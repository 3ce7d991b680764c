"""The practice of the demo: what is in its script, and how three columns stand side by side."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from beheard_hub import settings
from beheard_hub.demo.columns import STYLES, Columns
from beheard_hub.demo.provider import NAME
from beheard_hub.demo.rehearsal import load
from beheard_hub.domain.limits import INVITATION_LABEL_CHARS_MAX
from beheard_hub.gateway.id_tokens import PROVIDERS, proofs_of
from beheard_hub.journeys import load as load_journey
from beheard_hub.practice import presets, scenarios
from beheard_hub.runtime import SystemClock
from beheard_hub.showing import equipped


def test_the_script_names_what_comes_with_the_hub() -> None:
    script = load()
    assert script.scenario in [one.slug for one in scenarios()]
    assert script.preset in [one.name for one in presets()]
    assert len(script.label) <= INVITATION_LABEL_CHARS_MAX
    [scenario] = [one for one in scenarios() if one.slug == script.scenario]
    assert script.partner in scenario.partner_persona
    assert len(script.lines) >= 3
    assert any(line.note is not None for line in script.lines)
    assert 0 < script.links_after < len(script.lines), "somebody speaks before and after"


def test_columns_stand_side_by_side_in_plain_lines() -> None:
    out = io.StringIO()
    columns = Columns(Console(file=out, width=90))
    columns.began("A title", ["Who they are."], ["one", "two", "three"])
    columns.exchange(
        [[("user", "left " * 12), ("partner", "then this")], [("coach", "middle")],
         [("user", "right"), ("note", "noted")]]
    )  # fmt: skip
    columns.linked(["Two are one."])
    columns.ended("Over.")
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["A title", "Who they are."]
    assert [cell.strip() for cell in lines[3].split("|")] == ["one", "two", "three"]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines[5:-4]]
    assert [row[1] for row in rows] == ["middle", *[""] * (len(rows) - 1)]
    assert [row[2] for row in rows][:2] == ["right", "noted"]
    assert " ".join(row[0] for row in rows).split() == ["left"] * 12 + ["then", "this"]
    assert lines[-4:] == ["-" * 90, "Two are one.", "-" * 90, "Over."]
    assert max(map(len, lines)) == 90
    assert "\x1b" not in out.getvalue()


async def test_the_provider_of_the_demo_is_believed_while_it_plays_and_by_its_hub_alone(
    tmp_path: Path,
) -> None:
    operators = settings.load({"BEHEARD_DATA_DIR": str(tmp_path)})
    async with equipped(load_journey("household"), operators) as (same, nobody):
        assert (same, nobody) == (operators, None)
    async with equipped(load(), operators) as (believing, provider):
        assert provider is not None
        again = settings.load(settings.effective(believing))  # as its processes read them
        assert again.identity.id_tokens is not None
        proofs = proofs_of(again.identity.id_tokens, SystemClock())
        assert list(proofs) == ["google"]
        proven = await proofs["google"].read(provider.id_token("google", sub="lena"))
        assert (proven.provider, proven.subject) == (NAME, "lena")
        assert NAME not in {name for one in PROVIDERS.values() for name in one.issuers}
        at = again.identity.id_tokens
    assert not at.exists()
    assert operators.identity.id_tokens is None


def test_everybody_who_speaks_has_a_style() -> None:
    assert set(STYLES) == {"user", "partner", "coach", "note"}
