"""Settings of the embedded server: durable, reachable only by its socket, silent about content.

A failing statement must not take a user's words into the log (spec 4.2, last trap): no statement,
no parameter, no DETAIL ("Failing row contains ..."), and no message of an ERROR either, because a
message may quote the value that was refused. What the hub needs of an error reaches it as its
SQLSTATE. `beheard doctor` compares `SILENT` with what any other server says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SILENT: Mapping[str, str] = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "debug_print_plan": "off",
}

DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}

ORDINARY: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "2s",
}


def rendered(socket_dir: Path) -> str:
    """The text of the file that postgresql.conf includes."""
    rows = {**ORDINARY, **DURABLE, **SILENT, "unix_socket_directories": str(socket_dir)}
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in rows.items())


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
