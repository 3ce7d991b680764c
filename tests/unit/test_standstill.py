"""A fault run says what the machine withheld, so that nobody takes it for the hub's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import standstill
from chaos.standstill import NOTICED_SECONDS, Standstill


def test_a_nap_that_ends_late_is_a_standstill_and_a_busy_moment_is_none() -> None:
    time = 0.0
    late = iter([0.0, NOTICED_SECONDS / 2, 2.0, 0.5])

    def nap(seconds: float) -> None:
        nonlocal time
        time += seconds + next(late)

    watch = Standstill(nap, lambda: time)
    for _ in range(4):
        watch.look()
    found = watch.found()
    assert found.longest == pytest.approx(2.0)
    assert found.together == pytest.approx(2.5)


def test_what_went_to_other_machines_is_a_share_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(standstill, "STAT", stat)
    stat.write_text("cpu  100 0 100 800 0 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    with Standstill(lambda seconds: None, lambda: 0.0) as watch:
        stat.write_text("cpu  150 0 100 830 0 0 0 70 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
        assert watch.found().stolen == 0.2
    stat.unlink()
    with Standstill(lambda seconds: None, lambda: 0.0) as unknown:
        assert unknown.found().stolen == 0.0
