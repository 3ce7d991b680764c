"""Identity by both doors of a hub of two gateways and two hosts: who is merged goes on as the user,
roles count from the next command on, contacts are one's own (spec 08)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import asyncpg
import pytest

from beheard_hub.actors import mergers, observers
from beheard_hub.client import Refused
from beheard_hub.domain.refusals import Code
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.persistence.stores import PostgresReadStore
from tests.conftest import TestDatabase
from tests.e2e.rest_phone import Rest
from tests.integration.identity.town import GOOGLE, Device, Person, Town, town_on


@pytest.fixture(scope="module")
async def town(
    database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    owner = await asyncpg.connect(database.owner_url)
    try:
        async with town_on(database, tmp_path_factory.mktemp("town"), owner) as opened:
            yield opened
    finally:
        await owner.close()


async def exchange(device: Device, session: str, number: int) -> None:
    """A whole one, seen by this device."""
    await device.hub.command("practice.send", {"content": "You never call."}, session_id=session)
    await device.hears(
        "event", sessionId=session, name="practice.exchange_complete", seq=4 * number
    )


async def listening(device: Device, session: str) -> None:
    device.hub.send_soon({"type": "subscribe", "sessionId": session})
    await device.hears("snapshot", sessionId=session)


async def test_sockets_and_sessions_follow_without_a_gap(town: Town) -> None:
    guest, user = await town.guest(), await town.user(subject="ann")
    sessions = [await town.practice(guest) for _ in range(3)]
    session = sessions[0]
    phone, tablet = town.device(guest, 0), town.device(guest, 1)
    async with phone.hub, tablet.hub:
        for one in sessions:  # so that each is in the memory of its host
            await listening(phone, one)
        await listening(tablet, session)
        await exchange(phone, session, 1)

        proof = {"provider": "google", "idToken": town.id_token("ann")}
        reply = (await phone.hub.command("identity.link", proof)).data
        assert (reply["merged"], reply["user"]["id"]) == (True, user.id)
        for device in (phone, tablet):
            await device.hears("hello", userId=user.id)

        await exchange(tablet, session, 2)
        await phone.hears("event", sessionId=session, seq=8)
        for one in sessions[1:]:
            await exchange(phone, one, 1)
        for device in (phone, tablet):
            assert device.seqs(session) == list(range(1, 9))
            assert device.count("snapshot") == (3 if device is phone else 1)
        assert (await tablet.hub.profile.get()).user.id == user.id
        again = (await phone.hub.command("identity.link", proof)).data
        assert (again["merged"], again["user"]["id"]) == (False, user.id)
    await only_the_user_is_left(town, guest, user, sessions)


async def test_a_merge_that_nobody_was_told_of_is_followed_by_a_reminder(
    town: Town, db: Database
) -> None:
    guest, user = await town.guest(), await town.user(subject="cara")
    session = await town.practice(guest)
    phone, tablet = town.device(guest, 0), town.device(guest, 1)
    async with phone.hub, tablet.hub:
        for device in (phone, tablet):
            await listening(device, session)
        await exchange(phone, session, 1)
        linked = await PostgresRegister(db).link(guest.id, GOOGLE, "cara", "cara@home.test")
        assert (linked.outcome, linked.user_id) == ("MERGED", user.id)
        for device in (phone, tablet):
            await device.hears("hello", userId=user.id)
        await exchange(tablet, session, 2)
        await phone.hears("event", sessionId=session, seq=8)


async def test_a_merge_that_nobody_was_told_of_is_found_by_the_next_command(
    town: Town, db: Database
) -> None:
    guest, user = await town.guest(), await town.user(subject="dina")
    live, closed = [await town.practice(guest) for _ in range(2)]
    phone, tablet = town.device(guest, 0), town.device(guest, 1)
    async with phone.hub, tablet.hub:
        await listening(phone, live)  # in the memory of its host, as the guest's
        await phone.hub.command("practice.complete", {}, session_id=closed)
        await tablet.hub.profile.get()
        await PostgresRegister(db).link(guest.id, GOOGLE, "dina", "dina@home.test")
        await exchange(phone, live, 1)
        for device in (phone, tablet):
            assert (await device.hub.profile.get()).user.id == user.id
            await device.hub.command("practice.get", {}, session_id=closed)
            assert [f for f in device.frames if f["type"] == "error"] == []
            assert device.count("hello") == 2


@pytest.fixture
def merged_meanwhile(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], asyncio.Event]:
    """Merges that guest with the user known to Google by that name, once something is read; the
    event tells that it has happened."""

    def arm(guest_id: str, subject: str) -> asyncio.Event:
        merged, read_many = asyncio.Event(), PostgresReadStore.read_many

        async def late(self: PostgresReadStore, *asked: Any) -> Any:
            if not merged.is_set():
                merged.set()
                await PostgresRegister(db).link(guest_id, GOOGLE, subject, "a@home.test")
            return await read_many(self, *asked)

        monkeypatch.setattr(PostgresReadStore, "read_many", late)
        return merged

    return arm


async def test_events_read_before_a_merge_are_heard_whole(
    town: Town, merged_meanwhile: Callable[[str, str], asyncio.Event]
) -> None:
    """A page of events is read as the guest's; their messages are the user's a moment later."""
    guest, _ = await town.guest(), await town.user(subject="gil")
    session = await town.practice(guest)
    phone, tablet = town.device(guest, 0), town.device(guest, 1)
    async with phone.hub, tablet.hub:
        await listening(phone, session)
        await exchange(phone, session, 1)
        merged = merged_meanwhile(guest.id, "gil")
        tablet.hub.send_soon({"type": "subscribe", "sessionId": session, "after": 0})
        await tablet.hears("event", sessionId=session, seq=4)
        assert merged.is_set()
        await exchange(tablet, session, 2)
        await phone.hears("event", sessionId=session, seq=8)
        assert tablet.events(session) == phone.events(session)


async def test_a_transcript_asked_for_before_a_merge_is_the_users(
    town: Town, merged_meanwhile: Callable[[str, str], asyncio.Event]
) -> None:
    guest, _ = await town.guest(), await town.user(subject="hal")
    session = await town.practice(guest)
    phone = town.device(guest)
    async with phone.hub:
        await listening(phone, session)
        await exchange(phone, session, 1)
        merged = merged_meanwhile(guest.id, "hal")
        reply = await phone.hub.command("practice.messages", {}, session_id=session)
        assert merged.is_set()
        assert [m["role"] for m in reply.data["messages"]] == ["coach", "partner", "user"]


async def test_no_practice_is_needed_to_be_followed(town: Town, db: Database) -> None:
    guest, user = await town.guest(), await town.user(subject="edna")
    phone, tablet = town.device(guest, 0), town.device(guest, 1)
    async with phone.hub, tablet.hub, town.rest(guest, 1) as rest:
        for device in (phone, tablet):
            assert (await device.hub.profile.get()).user.id == guest.id
        assert (await rest.ask("profile.get"))["user"]["id"] == guest.id
        await PostgresRegister(db).link(guest.id, GOOGLE, "edna", "edna@home.test")
        assert (await rest.ask("profile.get"))["user"]["id"] == user.id
        for device in (phone, tablet):
            await device.hears("hello", userId=user.id)
            assert device.count("error") == 0


async def test_an_export_is_never_what_a_merge_left_of_it(town: Town, db: Database) -> None:
    """A gateway knows a token for a minute; it was not told whose the guest's rows are."""
    guest, user = await town.guest(), await town.user(subject="ida")
    await town.practice(guest)
    async with town.rest(guest, patient=False) as rest:

        async def exported() -> tuple[int, list[dict[str, Any]]]:
            response = await rest.http.get("/auth/me/export")
            lines = response.text.splitlines() if response.status_code == 200 else []
            return response.status_code, [json.loads(line) for line in lines]

        def owner(lines: list[dict[str, Any]]) -> list[str]:
            return [line["row"]["id"] for line in lines if line["type"] == "User"]

        assert owner((await exported())[1]) == [guest.id]
        await PostgresRegister(db).link(guest.id, GOOGLE, "ida", "ida@home.test")
        assert await exported() == (503, [])
        status, lines = await exported()
        assert (status, owner(lines)) == (200, [user.id])
        assert "practice.ConversationSession" in {line["type"] for line in lines}


async def test_an_idle_connection_is_followed_too(
    town: Town, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mergers, "LOOKED_SECONDS", 0.5)
    guest, user = await town.guest(), await town.user(subject="fay")
    devices = [town.device(guest, gateway) for gateway in (0, 1)]
    async with devices[0].hub, devices[1].hub:
        for device in devices:
            await device.hears("hello", userId=guest.id)
        await PostgresRegister(db).link(guest.id, GOOGLE, "fay", "fay@home.test")
        for device in devices:
            await device.hears("hello", userId=user.id)


async def test_a_guest_may_show_the_users_token_before_the_word_of_the_merge(
    town: Town, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client does so at once; the gateway of its socket may hear of the merge a moment later."""
    monkeypatch.setattr(mergers, "LOOKED_SECONDS", 3600.0)
    guest, user = await town.guest(), await town.user(subject="joy")
    phone = town.device(guest)
    async with phone.hub:
        await phone.hears("hello", userId=guest.id)
        await PostgresRegister(db).link(guest.id, GOOGLE, "joy", "joy@home.test")
        phone.hub.send_soon({"type": "auth", "token": user.token})
        await phone.hears("error", code=Code.SERVICE_UNAVAILABLE)
        monkeypatch.setattr(mergers, "LOOKED_SECONDS", 0.0)
        await phone.hears("hello", userId=user.id)
        phone.hub.send_soon({"type": "auth", "token": user.token})
        assert (await phone.hub.profile.get()).user.id == user.id
        assert [f["code"] for f in phone.frames if f["type"] == "error"] == [
            Code.SERVICE_UNAVAILABLE
        ]


async def only_the_user_is_left(
    town: Town, guest: Person, user: Person, sessions: list[str]
) -> None:
    whose = await town.owner.fetch(
        'SELECT "userId" FROM practice."ConversationSession" WHERE id = ANY ($1::int[])',
        [int(one) for one in sessions],
    )
    assert {row["userId"] for row in whose} == {user.id}
    for table in ('hub."SessionEvent"', 'practice."UsageLog"', 'hub."Reminder"'):
        left = f'SELECT count(*) FROM {table} WHERE "userId" = $1'
        assert await town.owner.fetchval(left, guest.id) == 0, table
    assert await town.owner.fetchval('SELECT count(*) FROM "User" WHERE id = $1', guest.id) == 0


async def test_who_cannot_be_merged_stays(town: Town) -> None:
    guest, user = await town.guest(), await town.user(subject="bea")
    await town.owner.execute("""INSERT INTO "Relationship" (id) VALUES ('r')""")
    await town.owner.execute(
        """INSERT INTO "RelationshipMember" (id, "relationshipId", "userId")
           VALUES ('m', 'r', $1)""", guest.id,
    )  # fmt: skip
    proofs = {
        "taken": ({"provider": "google", "idToken": town.id_token("bea")}, Code.CONFLICT),
        "wrong": ({"provider": "google", "idToken": "x"}, Code.VALIDATION_ERROR),
        "another app's": (
            {"provider": "google", "idToken": town.id_token("bea", aud="x", azp="x")},
            Code.VALIDATION_ERROR,
        ),
        "no app": ({"provider": "apple", "idToken": town.id_token("bea")}, Code.VALIDATION_ERROR),
    }  # fmt: skip
    async with town.device(guest).hub as hub:
        for why, (proof, code) in proofs.items():
            with pytest.raises(Refused) as refused:
                await hub.command("identity.link", proof)
            assert refused.value.code == code, why
            assert user.id not in repr(refused.value.details)
        assert (await hub.profile.get()).user.id == guest.id
        own = {"provider": "google", "idToken": town.id_token("beas-own")}
        assert (await hub.command("identity.link", own)).data["merged"] is False
        profile = (await hub.profile.get()).user
        assert (profile.role, profile.email) == ("USER", "beas-own@home.test")


# ---- roles


async def asked(rest: Rest, name: str, data: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    """Status, and data or code."""
    response = await rest.send(name, data)
    body = response.json()
    return response.status_code, body["data"] if body["success"] else body["error"]["code"]


async def test_a_role_counts_from_the_next_command_on(town: Town) -> None:
    boss, staff = await town.user("ADMIN"), await town.user("STAFF")
    notes = {"invitationId": "none"}
    give = {"userId": staff.id, "role": "USER"}
    async with town.rest(boss) as rest, town.device(staff, 1).hub as hub:
        await hub.command("note.list", notes)
        status, found = await asked(rest, "user.give_role", give)
        assert (status, found["user"]["id"], found["user"]["role"]) == (200, staff.id, "USER")
        with pytest.raises(Refused) as refused:
            await hub.command("note.list", notes)
        assert refused.value.code == Code.FORBIDDEN
        assert (await asked(rest, "user.give_role", {**give, "role": "STAFF"}))[0] == 200
        await hub.command("note.list", notes)
        for who, role, wanted in (
            (boss.id, "USER", (403, "FORBIDDEN")),
            ("nobody", "USER", (404, "NOT_FOUND")),
            ((await town.guest()).id, "STAFF", (409, "CONFLICT")),
            (staff.id, "GUEST", (400, "VALIDATION_ERROR")),
        ):
            assert await asked(rest, "user.give_role", {"userId": who, "role": role}) == wanted


async def observed(town: Town, session: str, guest: Person, staff: Person) -> None:
    """The practice stands on an invitation of theirs, which says that it may be watched."""
    await town.owner.execute(
        """INSERT INTO practice."Invitation" (id, token, observed, quota, usage, "expiresAt",
             "claimedAt", "linkedUserId", "createdById")
           VALUES ('watched', repeat('0', 64), true, '{"tokens": 10000}',
             '{"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}', now() + interval '1 day',
             now(), $1, $2)""",
        guest.id, staff.id,
    )  # fmt: skip
    await town.owner.execute(
        """UPDATE practice."ConversationSession"
           SET "invitationId" = 'watched', quota = NULL WHERE id = $1""",
        int(session),
    )


async def test_who_loses_the_role_watches_no_longer(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "ASKED_AGAIN_SECONDS", 3_600.0)
    boss, staff, guest = await town.user("ADMIN"), await town.user("STAFF"), await town.guest()
    session = await town.practice(guest)
    await observed(town, session, guest, staff)
    devices = [town.device(staff, gateway) for gateway in (0, 1)]
    async with town.rest(boss) as rest, devices[0].hub, devices[1].hub:
        for device in devices:
            device.hub.send_soon({"type": "subscribe", "sessionId": session, "as": "observer"})
            await device.hears("snapshot", sessionId=session)
        await asked(rest, "user.give_role", {"userId": staff.id, "role": "USER"})
        for device in devices:
            told = await device.hears("error", details={"sessionId": session})
            assert told["code"] == Code.NOT_FOUND


async def test_of_two_administrators_who_demote_each_other_one_stays(town: Town) -> None:
    await town.owner.execute("""UPDATE "User" SET role = 'USER' WHERE role = 'ADMIN'""")
    one, other = await town.user("ADMIN"), await town.user("ADMIN")
    async with town.rest(one, 0) as first, town.rest(other, 1) as second:
        answers = await asyncio.gather(
            asked(first, "user.give_role", {"userId": other.id, "role": "USER"}),
            asked(second, "user.give_role", {"userId": one.id, "role": "USER"}),
        )
        assert sorted(status for status, _ in answers) == [200, 403]
        lists = [await asked(rest, "user.list", {"limit": 1}) for rest in (first, second)]
        assert sorted(status for status, _ in lists) == [200, 403]


async def test_users_are_listed_in_pages_and_found(town: Town) -> None:
    boss = await town.user("ADMIN")
    others = [(await town.user("STAFF")).id for _ in range(3)]
    await town.owner.execute("""UPDATE "User" SET name = 'Zora % Ärmel', email = 'Zora@home.test'
                                WHERE id = $1""", others[0])  # fmt: skip
    async with town.rest(boss) as rest:
        seen: list[str] = []
        cursor = None
        while True:
            page = {"limit": 2, "role": "STAFF"} | ({"cursor": cursor} if cursor else {})
            _, found = await asked(rest, "user.list", page)
            seen += [user["id"] for user in found["users"]]
            if not (cursor := found["cursor"]):
                break
        assert seen[:3] == others[::-1]
        assert len(seen) == len(set(seen))
        for text, there in (("zORA", True), ("% är", True), ("zora@HOME", True), ("z_ra", False)):
            _, found = await asked(rest, "user.list", {"search": text})
            assert [user["id"] for user in found["users"]] == others[:1] * there, text
        _, one = await asked(rest, "user.get", {"userId": others[0]})
        assert one["user"]["email"] == "Zora@home.test"
        assert await asked(rest, "user.get", {"userId": "nobody"}) == (404, "NOT_FOUND")


# ---- the own identities and contacts


async def test_the_last_identity_stays_and_others_go(town: Town) -> None:
    user, other = await town.user(), await town.user()
    async with town.rest(user) as rest, town.rest(other) as theirs:
        _, found = await asked(rest, "identity.list")
        mine = [one["id"] for one in found["identities"]]
        assert len(mine) == 2
        first = {"identityId": mine[0]}
        assert await asked(theirs, "identity.get", first) == (404, "NOT_FOUND")
        assert await asked(theirs, "identity.unlink", first) == (404, "NOT_FOUND")
        assert (await asked(rest, "identity.get", first))[1]["identity"]["id"] == mine[0]
        last = {"identityId": mine[1]}
        assert await asked(rest, "identity.unlink", last) == (200, {"removed": True})
        assert await asked(rest, "identity.unlink", last) == (404, "NOT_FOUND")
        assert await asked(rest, "identity.unlink", first) == (409, "CONFLICT")


async def test_contacts_are_kept_by_whose_they_are(town: Town) -> None:
    guest, other = await town.guest(), await town.user()
    async with town.rest(guest) as rest, town.rest(other) as theirs:
        proof = {"provider": "google", "idToken": town.id_token("dora")}
        assert (await asked(rest, "identity.link", proof))[0] == 200
        _, added = await asked(rest, "contact.add", {"type": "email", "value": "D@else.test"})
        second = added["contact"]
        assert (second["verified"], second["primary"]) == (False, False)
        one = {"contactId": second["id"]}
        for name in ("contact.remove", "contact.edit"):
            assert (await asked(theirs, name, one | ({} if "remove" in name else {"primary": True}))
                    )[0] == 404  # fmt: skip
        _, edited = await asked(rest, "contact.edit", {**one, "primary": True})
        assert edited["contact"]["primary"] is True
        _, listed = await asked(rest, "contact.list")
        assert [(c["value"], c["verified"], c["primary"]) for c in listed["contacts"]] == [
            ("d@else.test", False, True),
            ("dora@home.test", True, False),
        ]
        _, profile = await asked(rest, "profile.get")
        assert profile["user"]["email"] is None, "the first one is not verified"
        verified = {"contactId": listed["contacts"][1]["id"]}
        await asked(rest, "contact.edit", {**verified, "primary": True})
        assert (await asked(rest, "profile.get"))[1]["user"]["email"] == "dora@home.test"
        assert await asked(rest, "contact.remove", verified) == (200, {"removed": True})
        assert (await asked(rest, "profile.get"))[1]["user"]["email"] is None
