"""The page of numbers: several processes as one, the dead left out, and nobody's id in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.parser import text_string_to_metric_families

from beheard_hub.observability import metrics
from beheard_hub.observability.publishing import FRESH_SECONDS, Publisher, page

NOW = 1_000_000.0


def written(folder: Path, process: str, count: int, at: float = NOW) -> None:
    """A process of this folder that did something `count` times."""
    role = CollectorRegistry()
    Counter("tried", "Tries", ["outcome"], registry=role).labels("ok").inc(count)
    gauge = Gauge("open", "Open ones", registry=role)
    Publisher(folder, process, [role], [lambda: gauge.set(count)]).write()
    os.utime(folder / f"{process}.prom", (at, at))


def publisher_files(folder: Path) -> list[Path]:
    """What stands in the folder."""
    return list(folder.iterdir())


def samples(text: bytes, name: str) -> dict[str, float]:
    """process → value of one row."""
    families = text_string_to_metric_families(text.decode())
    return {
        sample.labels["process"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_each_process_stands_in_it_under_its_own_name(tmp_path: Path) -> None:
    written(tmp_path, "session-host-0", 3)
    written(tmp_path, "session-host-1", 4)
    found = page(tmp_path, NOW)
    assert samples(found, "tried_total") == {"session-host-0": 3.0, "session-host-1": 4.0}
    assert samples(found, "open") == {"session-host-0": 3.0, "session-host-1": 4.0}


def test_a_family_stands_in_it_once(tmp_path: Path) -> None:
    written(tmp_path, "gateway-0", 1)
    written(tmp_path, "gateway-1", 1)
    assert page(tmp_path, NOW).count(b"# TYPE tried_total counter") == 1


def test_who_wrote_long_ago_is_gone(tmp_path: Path) -> None:
    written(tmp_path, "gateway-0", 1, at=NOW - FRESH_SECONDS - 1)
    written(tmp_path, "gateway-1", 1)
    assert samples(page(tmp_path, NOW), "open") == {"gateway-1": 1.0}


def test_without_any_process_the_page_is_empty(tmp_path: Path) -> None:
    assert page(tmp_path / "nowhere", NOW) == b""


async def test_a_process_that_ends_takes_its_file_along(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, "gateway-0", [])
    publisher.write()
    running = asyncio.create_task(publisher.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not publisher_files(tmp_path)


def families() -> list[tuple[str, tuple[str, ...]]]:
    """(name, label names) of every metric."""
    return [
        (metric._name, tuple(metric._labelnames))
        for metric in vars(metrics).values()
        if hasattr(metric, "_labelnames")
    ]


@pytest.mark.parametrize(("name", "labels"), families())
def test_every_metric_is_ours_and_has_nobodys_id(name: str, labels: tuple[str, ...]) -> None:
    assert name.startswith("beheard_")
    assert not {"session", "session_id", "user", "user_id", "message_id"} & set(labels)
