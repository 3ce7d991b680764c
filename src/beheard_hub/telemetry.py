"""What may be said about the running hub: names of log events, and the logger that writes them.

Log lines are JSON objects on stderr. They hold ids, sizes, codes, counts and durations; never a
message, draft, need, name or e-mail (spec 4.4). `ALLOWED` is the whole list of field names: a line
with another field is refused in tests and loses that field in production.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "pid", "part", "host_id", "epoch", "gateway_id",
        "session_id",
        "user_id", "command", "command_id", "code", "close_code", "reference", "error", "sqlstate",
        "constraint", "count", "size_bytes", "duration_ms", "attempt", "shards", "endpoint",
        "number",
        "kind", "reminder_id", "port", "version", "reason", "state", "exit_code", "provider",
        "signal",
        "connections", "entries", "where", "host_pid", "function", "line",
    }
)  # fmt: skip


def _only_allowed(
    _logger: Any, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in [name for name in entry if name not in ALLOWED]:
        del entry[name]
    return entry


def configure(level: str = "info") -> None:
    """Sends JSON lines of at least `level` to stderr, for structlog and the standard library."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library; their lines may quote what they were given, so
    # only warnings pass, and of those only the logger's name and the place.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlaceOnly())
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


class _PlaceOnly(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        return (
            f'{{"event":"library_warning","level":"{record.levelname.lower()}",'
            f'"where":"{record.name}","function":"{record.funcName}","line":{record.lineno},'
            f'"error":"{error}"}}'
        )


def logger(part: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that marks its lines with the part of the hub that speaks."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(part=part))
