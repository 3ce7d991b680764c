"""No word that somebody wrote is anywhere but where it may be; every text field has its word.

There is no page of metrics in this version: that a word is not there either is for the issue that
brings it. The logs, the titles of processes and the hub's own tables are searched.
"""

from __future__ import annotations

import pytest

from beheard_hub.journeys import SIDES, Side

from . import haystacks
from .canaries import Reach, found_in, text_fields, written_fields
from .conftest import Town
from .sweep import Sweep

PAIRS = [SIDES, SIDES[::-1]]


@pytest.fixture(scope="module")
async def sweep(town: Town) -> Sweep:
    """The session, played once."""
    return await Sweep(town).play()


def names(sweep: Sweep) -> dict[str, str]:
    """Every word of everybody → where it was written: what may be shown of it."""
    found = {
        word: path
        for sown in (*sweep.sown.values(), sweep.stranger)
        for word, path in sown.path.items()
    }
    return {**found, **{word: f"name of {who}" for who, word in sweep.names.items()}}


def places(sweep: Sweep, words: set[str]) -> list[str]:
    """Where these words were written; never the words themselves."""
    known = names(sweep)
    return sorted(known.get(word, "a word of another run") for word in words)


@pytest.mark.parametrize("side", SIDES)
async def test_every_field_that_takes_text_held_a_word(sweep: Sweep, side: Side) -> None:
    sown = sweep.sown[side]
    refused = sown.words(Reach.REFUSED)
    assert sown.paths(sown.words() - refused) == written_fields()
    assert sown.paths(refused) == set(text_fields())


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
async def test_the_other_reads_what_was_consented_and_nothing_else(
    sweep: Sweep, writer: Side, reader: Side
) -> None:
    sown = sweep.sown[writer]
    read = found_in(*sweep.result.received[reader]) & sown.words()
    crosses = sown.words(Reach.CROSSES)
    assert len(crosses) > 15
    assert places(sweep, read - crosses - sown.words(Reach.MAY_CROSS)) == []
    assert places(sweep, crosses - read) == []


@pytest.mark.parametrize("side", SIDES)
async def test_the_search_finds_what_is_there(sweep: Sweep, side: Side) -> None:
    own = found_in(*sweep.result.received[side])
    assert len(own & sweep.sown[side].words(Reach.PRIVATE)) > 25


async def test_what_crossed_is_the_text_that_the_decision_was_about(sweep: Sweep) -> None:
    assert len(sweep.crossed) == 6
    for consented, read in sweep.crossed:
        assert read == consented


async def test_nothing_of_what_was_refused_is_repeated_or_kept(town: Town, sweep: Sweep) -> None:
    refused = sweep.stranger.words()
    for sown in sweep.sown.values():
        refused |= sown.words(Reach.REFUSED)
    assert len(refused) > 500
    frames = [*sweep.strange_frames, *sweep.result.received["a"], *sweep.result.received["b"]]
    assert places(sweep, found_in(*frames) & refused) == []
    for schema in ("public", "hub"):
        for table, rows in (await haystacks.tables(town, schema)).items():
            assert places(sweep, found_in(rows) & refused) == [], table


async def test_a_stranger_reads_nothing(sweep: Sweep) -> None:
    assert len(sweep.strange_frames) > 50
    known = set(names(sweep)) - {sweep.names["stranger"]}
    assert places(sweep, found_in(*sweep.strange_frames) & known) == []


async def test_no_log_and_no_title_of_a_process_holds_a_word(town: Town, sweep: Sweep) -> None:
    known = set(names(sweep))
    paths = [*haystacks.kept_files(town), *haystacks.logs(town)]
    for name, text in haystacks.contents(paths):
        assert places(sweep, found_in(text) & known) == [], name
    assert places(sweep, found_in(*haystacks.titles(town))) == []


async def test_the_tables_of_the_hub_hold_no_word(town: Town, sweep: Sweep) -> None:
    kept = await haystacks.tables(town, "public")
    own = set().union(*(sown.words(Reach.PRIVATE) for sown in sweep.sown.values()))
    assert len(found_in(*kept.values()) & own) > 50, "the search finds nothing where texts must be"
    tables = await haystacks.tables(town, "hub")
    assert tables["SessionEvent"]
    assert tables["CommandReceipt"]
    assert tables["Reminder"]
    for table, rows in tables.items():
        assert places(sweep, found_in(rows)) == [], table
