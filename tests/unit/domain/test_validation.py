"""What a client sends is cleaned or refused, every bad field by name and limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.domain.mediation.kind import DIRECTORY, MEDIATION
from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.domain.refusals import Code, Refusal


def details(name: str, **data: Any) -> dict[str, str]:
    kind = MEDIATION if name in COMMANDS else DIRECTORY
    refusal = kind.validate(name, data)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == Code.VALIDATION_ERROR
    return dict(refusal.details or {})


def accepted(name: str, **data: Any) -> Any:
    clean = MEDIATION.validate(name, data)
    assert not isinstance(clean, Refusal), clean
    return clean


def test_text_is_normalised_trimmed_and_counted_in_code_points() -> None:
    assert accepted("message.send", content="  cafe\u0301 ").content == "caf\u00e9"
    assert len(accepted("message.send", content="\U0001f600" * 10_000).content) == 10_000
    assert details("message.send", content="x" * 10_001) == {"content": "1 to 10000 characters"}


@pytest.mark.parametrize("text", ["", "  \n ", "a\u0000b", "a\ud800b", 5, None, ["a"]])
def test_what_is_no_text_is_refused(text: Any) -> None:
    assert set(details("message.send", content=text)) == {"content"}


@pytest.mark.parametrize("number", [0, 11, True, 1.5, "3"])
def test_intensity_is_a_whole_number_from_1_to_10(number: Any) -> None:
    assert set(details("emotions.record", intensity=number)) == {"intensity"}


def test_all_bad_fields_are_reported_at_once() -> None:
    bad = details("event.add", description="", attributedTo="ME", emotions=["x"] * 9, more=1)
    assert set(bad) == {"description", "attributedTo", "emotions", "more"}
    assert bad["more"] == "unknown field"
    assert bad["attributedTo"] == "one of SELF, OTHER, MUTUAL, EXTERNAL"


def test_nested_fields_are_named_by_their_place() -> None:
    answers = [{"needId": "a", "confirmed": True}, {"needId": "", "confirmed": "yes"}]
    assert set(details("needs.confirm", confirmations=answers)) == {
        "confirmations[1].needId",
        "confirmations[1].confirmed",
    }


def test_exactly_one_of() -> None:
    names = {"personId", "inviteEmail", "invitePhone", "inviteName"}
    assert set(details("session.create")) == names
    assert set(details("session.create", inviteName="x", personId="y")) == names


def test_the_compact_is_agreed_to_or_not_signed() -> None:
    assert details("compact.sign", agreed=False) == {"agreed": "true"}


def test_null_is_absent() -> None:
    assert accepted("message.list", stage=None, cursor=None, limit=None).limit == 50


def test_no_item_twice() -> None:
    assert details("strategies.rank", rankedIds=["a", "a"]) == {"rankedIds": "no item twice"}


def test_times_need_a_zone() -> None:
    words = {"description": "walk", "type": "CHECK_IN"}
    assert "followUpDate" in details("agreement.create", followUpDate="2026-01-01T10:00", **words)
    made = accepted("agreement.create", followUpDate="2026-01-01T10:00:00+02:00", **words)
    assert made.follow_up_date.isoformat() == "2026-01-01T08:00:00+00:00"


def test_an_unknown_command_is_refused() -> None:
    assert details("session.destroy") == {"name": "no such command"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    name=st.sampled_from(sorted({**COMMANDS, **DIRECTORY.commands})),
    data=st.dictionaries(st.text() | st.sampled_from(["content", "limit", "cursor"]), JSON),
)
def test_anything_is_answered_and_nothing_given_is_repeated(
    name: str, data: dict[str, Any]
) -> None:
    kind = MEDIATION if name in COMMANDS else DIRECTORY
    answer = kind.validate(name, data)
    if isinstance(answer, Refusal):
        assert answer.code == Code.VALIDATION_ERROR
        assert answer.details
