"""What the hub logs in the process of the tests, whatever logging an earlier test has set up.

Loggers keep the level at which they first spoke, so `structlog.testing.capture_logs` hears nothing
where a command of an earlier test ran with another level. Here the loggers themselves are replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any


class Lines:
    """Stands where the hub's loggers stand, and keeps every line before a field is left out."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def debug(self, event: str, **fields: Any) -> None:
        """For whoever looks for something."""
        self.kept.append({"event": event, "level": "debug", **fields})

    def info(self, event: str, **fields: Any) -> None:
        """Something happened."""
        self.kept.append({"event": event, "level": "info", **fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Something is not as it should be."""
        self.kept.append({"event": event, "level": "warning", **fields})

    def error(self, event: str, **fields: Any) -> None:
        """Something broke inside."""
        self.kept.append({"event": event, "level": "error", **fields})


@contextmanager
def logged() -> Iterator[Lines]:
    """The hub's modules that are imported by now speak to these lines."""
    lines = Lines()
    speaking = _speaking(len(sys.modules))
    before = [vars(module)["_log"] for module in speaking]
    for module in speaking:
        vars(module)["_log"] = lines
    try:
        yield lines
    finally:
        for module, log in zip(speaking, before, strict=True):
            vars(module)["_log"] = log


@cache
def _speaking(modules: int) -> Sequence[ModuleType]:
    """The modules of the hub that log, anew whenever there are more `modules`."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("beheard_hub.") and hasattr(module, "_log")
    ]
