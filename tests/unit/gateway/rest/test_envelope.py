"""The envelope: what is in it, and which headers go with it."""

from __future__ import annotations

import msgspec
import pytest

from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway.frames import Error, error_frame
from beheard_hub.gateway.rest import envelope


def test_success() -> None:
    answered = envelope.success({"a": None}, 200)
    assert (answered.status, answered.headers) == (200, {})
    assert msgspec.json.decode(answered.body) == {"success": True, "data": {"a": None}}


@pytest.mark.parametrize("code", list(Code))
def test_failure(code: Code) -> None:
    answered = envelope.failure(error_frame(code))
    assert answered.status == CODES[code].http_status
    error = {"code": code.value, "message": CODES[code].sentence}
    assert msgspec.json.decode(answered.body) == {"success": False, "error": error}


def test_a_code_that_nobody_knows_is_our_fault() -> None:
    answered = envelope.failure(Error(code="NEW", message="?", retryable=False))
    assert answered.status == 500


@pytest.mark.parametrize(("wait_ms", "seconds"), [(None, "1"), (0, "1"), (1, "1"), (1001, "2")])
def test_retry_after_is_whole_seconds_and_never_none(wait_ms: int | None, seconds: str) -> None:
    for code in (Code.RATE_LIMITED, Code.SERVICE_UNAVAILABLE):
        answered = envelope.failure(error_frame(code, retry_after_ms=wait_ms))
        assert answered.headers == {"Retry-After": seconds}


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "ü", 'a"b', "a\nb"])
def test_an_id_that_is_not_harmless_is_replaced(given: str | None) -> None:
    made = envelope.request_id(given)
    assert made != given
    assert envelope.request_id(made) == made


def test_nothing_private_is_in_a_repr() -> None:
    assert "secret" not in repr(envelope.success({"text": "secret"}, 200))
