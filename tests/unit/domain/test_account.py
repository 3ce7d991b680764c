"""The own account: what its commands store, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from beheard_hub.domain.kernel import Command, Decision, Read, Ref, Reply, Update, Work, Worked
from beheard_hub.domain.limits import AVATAR_URL_CHARS_MAX, NAME_CHARS_MAX, PUSH_TOKEN_CHARS_MAX
from beheard_hub.domain.mediation.commands import Renamed
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.directory_state import Directory, Known
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.domain.play import A, B, Play

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Counting:
    """Ids in order."""

    def __init__(self) -> None:
        self.given = 0

    def ordered(self) -> str:
        self.given += 1
        return f"id-{self.given}"

    random = ordered


def decide(name: str, data: dict[str, Any], *known: Known) -> Decision[Directory]:
    """One command of A, validated."""
    clean = DIRECTORY.validate(name, data)
    assert not isinstance(clean, Refusal), clean.details
    command = Command(id="c", name=name, user_id=A, data=clean)
    return DIRECTORY.decide(Directory(A, known), command, NOW, Counting())


def wrong(command: str, /, **data: Any) -> list[str]:
    """Fields that are refused."""
    refusal = DIRECTORY.validate(command, data)
    assert isinstance(refusal, Refusal)
    assert refusal.code == Code.VALIDATION_ERROR
    return sorted(refusal.details or {})


# ---- profile


def test_only_what_is_given_is_replaced() -> None:
    made = decide("profile.update", {"avatarUrl": "https://pictures.example/a.png"})
    stored = {"avatarUrl": "https://pictures.example/a.png"}
    assert list(made.rows) == [Update("User", {"id": A}, stored)]
    assert made.answer == Reply({"user": Ref("user", A)})
    assert made.dues == ()
    assert decide("profile.update", {}).rows == ()


def test_null_takes_the_picture_away_and_leaves_a_name() -> None:
    made = decide("profile.update", {"avatarUrl": None, "name": None})
    assert list(made.rows) == [Update("User", {"id": A}, {"avatarUrl": None})]
    assert made.dues == ()


def test_a_new_name_is_told_to_open_sessions_with_a_partner() -> None:
    made = decide(
        "profile.update", {"name": "  Ann "},
        Known("r1", B, "s1"), Known("r2", None, "s2"), Known("r3", "carol", None),
        Known("r4", "dora", "s4"),
    )  # fmt: skip
    assert list(made.rows) == [Update("User", {"id": A}, {"name": "Ann"})]
    assert [(due.kind, due.session_id, due.user_id, due.at) for due in made.dues] == [
        ("renamed", "s1", A, NOW),
        ("renamed", "s4", A, NOW),
    ]
    assert all(due.payload == {} for due in made.dues), "a name is no id"


def test_a_session_hands_new_names_on_and_keeps_none() -> None:
    play = Play()
    play.accept()
    before = play.state
    data = Renamed(reminder_id="r1", names={A: "Ann", B: "Bob"})
    play.internal("internal.renamed", A, data)
    assert play.last.names == {A: "Ann", B: "Bob"}
    assert list(play.last.done) == ["r1"]
    assert (play.last.rows, play.last.notices, play.state) == ([], [], before)
    assert "Ann" not in repr(data)


@pytest.mark.parametrize(
    "address",
    [
        "http://pictures.example/a.png", "javascript:alert(1)", "https://", "data:image/png,x",
        "https://a b.example", "https://a.example/\n", "https://a.example/ü", "",
        "https://a.example/" + "x" * AVATAR_URL_CHARS_MAX, 5, ["https://a.example"],
    ],
)  # fmt: skip
def test_pictures_come_by_https_only(address: Any) -> None:
    assert wrong("profile.update", avatarUrl=address) == ["avatarUrl"]


@pytest.mark.parametrize("name", ["", "  ", "x" * (NAME_CHARS_MAX + 1), "nul\0", "\ud800", True])
def test_names_have_their_limits(name: Any) -> None:
    assert wrong("profile.update", name=name) == ["name"]


@pytest.mark.parametrize("field", ["email", "role", "id", "pushToken", "createdAt"])
def test_nothing_else_of_a_profile_is_changed(field: str) -> None:
    assert wrong("profile.update", **{field: "x"}) == [field]


# ---- push token


def test_a_push_token_is_kept_and_cleared() -> None:
    made = decide("push_token.set", {"platform": "ios", "token": "t-1"})
    kept = {"pushToken": "t-1", "pushPlatform": "ios"}
    assert list(made.rows) == [Update("User", {"id": A}, kept)]
    assert made.answer == Reply({"registered": True})
    gone = decide("push_token.clear", {})
    none = {"pushToken": None, "pushPlatform": None}
    assert list(gone.rows) == [Update("User", {"id": A}, none)]
    assert gone.answer == Reply({"registered": False})


def test_push_tokens_have_their_limits() -> None:
    assert wrong("push_token.set", platform="windows", token="t") == ["platform"]
    assert wrong("push_token.set") == ["platform", "token"]
    long = "x" * (PUSH_TOKEN_CHARS_MAX + 1)
    assert wrong("push_token.set", platform="android", token=long) == ["token"]


# ---- inbox


def test_the_inbox_is_read_by_pages() -> None:
    answer = decide("notifications.unread", {"limit": 3}).answer
    assert isinstance(answer, Read)
    assert (answer.query, answer.args["limit"], answer.args["page"]) == (
        "notifications.unread", 4, 3,
    )  # fmt: skip
    refusal = decide("notifications.unread", {"cursor": "nonsense"}).answer
    assert isinstance(refusal, Refusal)
    assert refusal.details == {"cursor": "a cursor of this list"}


@pytest.mark.parametrize(
    ("data", "ids"), [({"all": True}, None), ({"notificationIds": ["n1", "n2"]}, ["n1", "n2"])]
)
def test_what_is_read_is_looked_for_first(data: dict[str, Any], ids: list[str] | None) -> None:
    made = decide("notifications.read", data)
    assert made.answer == Work("notifications.find", {"ids": ids})
    assert made.rows == ()


def test_what_was_found_is_marked_in_the_own_name() -> None:
    asked = decide("notifications.read", {"all": True})
    data = DIRECTORY.validate("notifications.read", {"all": True})
    command = Command(id="c", name="notifications.read", user_id=A, data=data)
    assert isinstance(asked.answer, Work)
    done = Worked(command, asked.answer, {"ids": ["n1", "n2"], "unread": 5})
    worked = Command(id="c", name="internal.worked", user_id=A, data=done)
    made = DIRECTORY.decide(Directory(A), worked, NOW, Counting())
    assert made.answer == Reply({"read": 2, "unreadCount": 3})
    assert list(made.rows) == [
        Update("hub.Notification", {"id": one, "userId": A}, {"readAt": NOW})
        for one in ("n1", "n2")
    ]


def test_all_or_some_but_not_both_and_not_none() -> None:
    both = ["all", "notificationIds"]
    assert wrong("notifications.read") == both
    assert wrong("notifications.read", all=True, notificationIds=["n"]) == both
    assert wrong("notifications.read", all=False) == ["all"]
    assert wrong("notifications.read", notificationIds=[]) == ["notificationIds"]
    assert wrong("notifications.read", notificationIds=["n", "n"]) == ["notificationIds"]
