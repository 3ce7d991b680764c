"""What the check costs others: it keeps no text, and answers a second question from memory."""

from __future__ import annotations

import asyncio
import threading

import pytest

from beheard_hub.ai import crisis

GRAVE = "I am going to kill myself tonight, I have the pills here."


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without findings."""
    monkeypatch.setattr(crisis, "_known", type(crisis._known)())


def counted(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads in which texts are read from now on."""
    threads: list[threading.Thread] = []
    whole = crisis._assessed

    def reading(text: str) -> crisis.Crisis | None:
        threads.append(threading.current_thread())
        return whole(text)

    monkeypatch.setattr(crisis, "_assessed", reading)
    return threads


async def test_a_turn_reads_outside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = counted(monkeypatch)
    found = await crisis.assess_aside(GRAVE)
    assert found is not None
    assert found.shows_resources
    assert threading.main_thread() not in threads


async def test_one_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = counted(monkeypatch)
    first = await crisis.assess_aside(GRAVE)
    assert crisis.assess(GRAVE) == first
    assert len(threads) == 1


async def test_no_text_is_kept_and_not_many_findings() -> None:
    texts = [f"{GRAVE} {number}" for number in range(crisis._KNOWN_MAX + 10)]
    await asyncio.gather(*map(crisis.assess_aside, texts))
    assert len(crisis._known) <= crisis._KNOWN_MAX
    assert all(len(digest) == 32 for digest in crisis._known)
