"""Identities, contacts and roles in the directory: what becomes of the outcomes, and which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from beheard_hub.domain.kernel import Command, Decision, Delete, Insert, Json, Reply, Work, Worked
from beheard_hub.domain.kernel import Update as Changed
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.directory_state import Directory
from beheard_hub.domain.mediation.handlers.identity import LINKED, UNLINKED
from beheard_hub.domain.mediation.handlers.people import GIVEN
from beheard_hub.domain.mediation.identity import contact_value
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.reactions.fakes import CountingIds

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LINK: Mapping[str, Json] = {"provider": "google", "idToken": "a.b.c"}
USER: Mapping[str, Json] = {"id": "u2", "name": "Ann", "email": "ann@home.test", "role": "USER"}


def do(
    name: str,
    data: Mapping[str, Json],
    role: str = "USER",
    result: Mapping[str, Json] | None = None,
) -> Decision[Directory]:
    """One command, or with `result` its second half."""
    valid = DIRECTORY.validate(name, data)
    assert not isinstance(valid, Refusal), valid
    command = Command(id="c1", name=name, user_id="u1", data=valid)
    if result is not None:
        worked = Worked(command, Work("any"), result)
        command = Command(id="c1", name="internal.worked", user_id="u1", data=worked)
    return DIRECTORY.decide(Directory("u1", role=role), command, NOW, CountingIds())


def code(decision: Decision[Directory]) -> Code | None:
    return decision.answer.code if isinstance(decision.answer, Refusal) else None


# ---- outcomes


@pytest.mark.parametrize("outcome", LINKED)
def test_what_became_of_a_link(outcome: str) -> None:
    found = {"outcome": outcome, "userId": "u2", "user": USER, "sessions": ["7", "8"]}
    decision = do("identity.link", LINK, result=found)
    refusal = LINKED[outcome]
    assert not decision.rows, "nothing is stored: the answer can be asked for again"
    if refusal is not None:
        assert decision.answer == refusal
        assert "u2" not in repr(decision.answer)
        return
    assert isinstance(decision.answer, Reply)
    assert decision.answer.data["user"]["id"] == "u2"
    assert decision.answer.data["merged"] is (outcome == "MERGED")
    assert list(decision.effects) == (["merged:u1:u2:7,8"] if outcome == "MERGED" else [])


def test_a_proof_is_in_no_repr() -> None:
    valid = DIRECTORY.validate("identity.link", LINK)
    assert "a.b.c" not in repr(valid)


@pytest.mark.parametrize(
    ("name", "data", "role", "outcomes"),
    [
        ("identity.unlink", {"identityId": "i"}, "USER", UNLINKED),
        ("user.give_role", {"userId": "u2", "role": "STAFF"}, "ADMIN", GIVEN),
    ],
)
def test_every_other_outcome_is_an_answer(
    name: str, data: Mapping[str, Json], role: str, outcomes: Mapping[str, Refusal | None]
) -> None:
    for outcome, refusal in outcomes.items():
        decision = do(name, data, role, {"outcome": outcome})
        assert (decision.answer == refusal) is (refusal is not None)


@pytest.mark.parametrize("role", ["GUEST", "USER", "STAFF", "admin", ""])
def test_users_are_for_administrators_and_the_attempt_is_noted(role: str) -> None:
    for name, data in (
        ("user.list", {"search": "ann"}),
        ("user.get", {"userId": "u2"}),
        ("user.give_role", {"userId": "u2", "role": "ADMIN"}),
    ):
        decision = do(name, data, role)
        assert code(decision) is Code.FORBIDDEN
        [noted] = decision.rows
        assert isinstance(noted, Insert)
        assert (noted.values["action"], noted.values["outcome"]) == (name, "FORBIDDEN")
    late = do("user.give_role", {"userId": "u2", "role": "STAFF"}, role, {"outcome": "CHANGED"})
    assert code(late) is Code.FORBIDDEN


# ---- contacts

CONTACTS: Sequence[Mapping[str, Any]] = (
    {"id": "m1", "type": "email", "value": "Ann@home.test", "verified": True, "primary": True},
    {"id": "m2", "type": "email", "value": "ann@work.test", "verified": True, "primary": False},
    {"id": "m3", "type": "email", "value": "a@else.test", "verified": False, "primary": False},
    {"id": "p1", "type": "phone", "value": "+431234567", "verified": False, "primary": False},
)


def contact(name: str, data: Mapping[str, Json]) -> Decision[Directory]:
    return do(name, data, result={"contacts": CONTACTS})


@pytest.mark.parametrize(
    ("type_", "written", "kept"),
    [
        ("email", "Ann@Home.test", "ann@home.test"),
        ("email", "ann at home", None),
        ("email", "ann@home", None),
        ("email", "a b@home.test", None),
        ("phone", "+43 (1) 234-56 78", "+4312345678"),
        ("phone", "01 234 567", "01234567"),
        ("phone", "call me", None),
        ("phone", "1", None),
        ("phone", "++431234567", None),
    ],
)
def test_what_is_a_contact(type_: str, written: str, kept: str | None) -> None:
    assert contact_value(type_, written) == kept
    decision = contact("contact.add", {"type": type_, "value": written})
    assert (code(decision) is Code.VALIDATION_ERROR) is (kept is None)


def test_a_contact_is_added_once_unverified_and_not_the_first() -> None:
    decision = contact("contact.add", {"type": "email", "value": "New@home.test"})
    [row] = decision.rows
    assert isinstance(row, Insert)
    assert (row.values["value"], row.values["verified"], row.values["primary"]) == (
        "new@home.test", False, False,
    )  # fmt: skip
    again = contact("contact.add", {"type": "email", "value": "ANN@home.test"})
    assert code(again) is Code.CONFLICT
    full = {"contacts": [CONTACTS[0]] * 20}
    more = do("contact.add", {"type": "phone", "value": "0123456"}, result=full)
    assert code(more) is Code.CONFLICT


def test_the_first_contact_loses_its_place_before_another_takes_it() -> None:
    rows = contact("contact.edit", {"contactId": "m2", "primary": True}).rows
    assert rows == [
        Changed("ContactMethod", {"id": "m1"}, {"primary": False}),
        Changed("ContactMethod", {"id": "m2"}, {"primary": True, "verified": True}),
        Changed("User", {"id": "u1"}, {"email": "ann@work.test"}),
    ]
    unverified = contact("contact.edit", {"contactId": "m3", "primary": True}).rows
    assert unverified[-1] == Changed("User", {"id": "u1"}, {"email": None})
    phone = contact("contact.edit", {"contactId": "p1", "primary": True}).rows
    assert phone == [Changed("ContactMethod", {"id": "p1"}, {"primary": True, "verified": False})]
    assert not contact("contact.edit", {"contactId": "m1", "primary": True}).rows


def test_the_address_of_the_profile_goes_with_its_contact() -> None:
    address = Changed("User", {"id": "u1"}, {"email": None})
    gone = contact("contact.remove", {"contactId": "m1"}).rows
    assert gone == [Delete("ContactMethod", {"id": "m1"}), address]
    other = contact("contact.edit", {"contactId": "m1", "value": "x@home.test"}).rows
    changed = {"value": "x@home.test", "verified": False}
    assert other == [Changed("ContactMethod", {"id": "m1"}, changed), address]
    assert contact("contact.remove", {"contactId": "m2"}).rows == [
        Delete("ContactMethod", {"id": "m2"})
    ]
    same = contact("contact.edit", {"contactId": "m1", "value": "ann@HOME.test"})
    assert (code(same), same.rows) == (None, [])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("contact.remove", {"contactId": "x"}),
        ("contact.edit", {"contactId": "x", "primary": True}),
        ("contact.edit", {"contactId": "x", "value": "whatever"}),
    ],
)
def test_a_contact_that_is_not_there(name: str, data: Mapping[str, Json]) -> None:
    assert code(contact(name, data)) is Code.NOT_FOUND


def test_a_change_that_cannot_be() -> None:
    taken = contact("contact.edit", {"contactId": "m2", "value": "A@else.test"})
    assert code(taken) is Code.CONFLICT
    wrong = contact("contact.edit", {"contactId": "p1", "value": "ann@home.test"})
    assert code(wrong) is Code.VALIDATION_ERROR
