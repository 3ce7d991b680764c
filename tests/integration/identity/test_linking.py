"""An identity that somebody proved: a guest grows up, or is merged, whole or not at all (spec 08).

Tables and columns come from the catalogue: one that names a user and is not among the rules of a
merge fails, so that nobody adds one that a merge forgets.
"""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.ports import Linked
from tests.conftest import TestDatabase

USER_COLUMNS = """
SELECT format('%s.%I', n.nspname, c.relname) AS "table", a.attname AS "column"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
WHERE c.relkind = 'r' AND pg_get_userbyid(c.relowner) = 'beheard_owner'
  AND (f.confrelid = 'public."User"'::regclass OR (f.confrelid IS NULL
    AND a.attname ~ '([uU]serId|[bB]yId|By|actorId|senderId|partnerId|researcherId|guestId)$'))
"""
"""Every column that holds the id of a user, whether or not a foreign key says so."""


@pytest.fixture
async def people(owner: asyncpg.Connection) -> asyncpg.Connection:
    """A guest who practises, with something in every table that a guest can have; and a user."""
    await owner.execute(
        'TRUNCATE "User", "Relationship", practice."Scenario", hub."AuditLog", hub."SessionEvent",'
        ' hub."MergedGuest" CASCADE'
    )
    await owner.execute(GUEST)
    return owner


GUEST = """
INSERT INTO "User" (id, role) VALUES ('g', 'GUEST'), ('u', 'USER'), ('other', 'USER');
INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
  VALUES ('u', 'u', 'https://id.example', 'subject of u');
INSERT INTO "ContactMethod" (id, "userId", type, value, verified, "primary") VALUES
  ('same-u', 'u', 'email', 'u@home.test', true, true),
  ('same-g', 'g', 'email', 'U@home.test', false, true),
  ('more-g', 'g', 'phone', '+431', true, true),
  ('else-g', 'g', 'email', 'g@home.test', true, false);
INSERT INTO practice."Scenario" (id, name, description, slug, "partnerPersona",
    "partnerSystemPrompt", "coachSystemPrompt") VALUES (1, 'x', 'x', 'x', 'x', 'x', 'x');
INSERT INTO practice."Invitation" (id, token, "scenarioId", quota, "expiresAt", "claimedAt",
    "linkedUserId", "createdById") VALUES
  ('i', repeat('a', 64), 1, '{"tokens": 9}', now() + interval '1 day', now(), 'g', 'other'),
  ('j', repeat('b', 64), 1, '{"tokens": 9}', now() + interval '1 day', NULL, NULL, 'g');
INSERT INTO practice."ConversationSession" (id, "userId", "invitationId", "scenarioId")
  VALUES (1, 'g', 'i', 1);
INSERT INTO practice."UsageLog" (id, "userId", "invitationId", "sessionId", model, "streamType",
    "inputTokens", "outputTokens") VALUES ('l', 'g', 'i', 1, 'm', 'partner', 1, 1);
INSERT INTO practice."ObservationNote" (id, "invitationId", "researcherId", content)
  VALUES ('n', 'j', 'g', 'x');
INSERT INTO practice."TelemetryEvent" (id, name, "userId") VALUES ('t', 'x', 'g');
INSERT INTO hub."SessionEvent" ("sessionId", "userId", seq, name)
  VALUES ('1', 'g', 1, 'practice.message'), ('1', 'g', 2, 'practice.message');
INSERT INTO hub."CommandReceipt" ("sessionId", "userId", "commandId", name, digest) VALUES
  ('1', 'g', 'c', 'practice.send', 'x'), ('', 'g', 'c', 'profile.update', 'x'),
  ('', 'u', 'c', 'profile.update', 'of u');
INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt") VALUES
  ('with', '1', 'g', 1, 'practice_idle', now()), ('without', NULL, 'g', 1, 'x', now());
INSERT INTO hub."Notification" (id, "userId", type) VALUES ('p', 'g', 'x');
INSERT INTO "GlobalLibraryItem" (id, title, description, category, source, "contributedBy",
    "contributionConsent") VALUES ('gift', 'x', 'x', 'x', 'CONTRIBUTED', 'g', 'x');
"""

MEDIATION = """
INSERT INTO "Relationship" (id) VALUES ('r');
INSERT INTO "Session" (id, "relationshipId", "createdById", status)
  VALUES ('s', 'r', 'other', 'ACTIVE');
"""
IN_MEDIATION = {
    "a seat": """INSERT INTO "UserVessel" (id, "userId", "sessionId") VALUES ('v', 'g', 's')""",
    "a relationship": """INSERT INTO "RelationshipMember" (id, "relationshipId", "userId")
        VALUES ('m', 'r', 'g')""",
    "a session of the guest's": """UPDATE "Session" SET "createdById" = 'g'""",
    "an invitation of the guest's": """INSERT INTO "Invitation" (id, "sessionId", "invitedById",
        "expiresAt") VALUES ('z', 's', 'g', now())""",
}


async def link(
    db: Database, who: str, subject: str = "subject of u", email: str = "New@Home.test"
) -> tuple[str, str]:
    linked = await PostgresRegister(db).link(who, "https://id.example", subject, email)
    return linked.outcome, linked.user_id


async def named(owner: asyncpg.Connection, user: str) -> set[tuple[str, str]]:
    """Columns in which that user is named, of all that there are."""
    found = set()
    for row in await owner.fetch(USER_COLUMNS):
        table, column = row
        if await owner.fetchval(f'SELECT count(*) FROM {table} WHERE "{column}" = $1', user):
            found.add((table, column))
    return found


async def rules(owner: asyncpg.Connection) -> dict[tuple[str, str], str]:
    return {(r[0], r[1]): r[2] for r in await owner.fetch("SELECT * FROM hub.merge_rules()")}


async def test_every_column_that_names_a_user_is_considered(owner: asyncpg.Connection) -> None:
    columns = [tuple(row) for row in await owner.fetch(USER_COLUMNS)]
    considered = await owner.fetch('SELECT "table", "column" FROM hub.merge_rules()')
    assert sorted(columns) == sorted(tuple(row) for row in considered)


async def test_a_column_that_is_not_considered_is_noticed(owner: asyncpg.Connection) -> None:
    async with owner.transaction():
        for number, column in enumerate(
            ('"userId" text', '"madeById" text', 'whoever text REFERENCES "User"')
        ):
            await owner.execute(f"CREATE TABLE practice.later{number} ({column})")
            await owner.execute(f"ALTER TABLE practice.later{number} OWNER TO beheard_owner")
        known = await rules(owner)
        columns = {tuple(row) for row in await owner.fetch(USER_COLUMNS)}
        assert len(columns - known.keys()) == 3
        await owner.execute("DROP TABLE practice.later0, practice.later1, practice.later2")


async def test_a_guest_becomes_a_user_and_keeps_the_row(
    people: asyncpg.Connection, db: Database
) -> None:
    before = await named(people, "g")
    assert await link(db, "g", "new") == ("LINKED", "g")
    assert await named(people, "g") == before | {
        ('public."ExternalIdentity"', "userId"),
        ('hub."AuditLog"', "actorId"),
    }
    assert await people.fetchval("""SELECT role::text FROM "User" WHERE id = 'g'""") == "USER"
    row = await people.fetchrow("""SELECT verified, "primary" FROM "ContactMethod"
        WHERE "userId" = 'g' AND value = 'new@home.test'""")
    assert tuple(row) == (True, False), "the guest had a first one"
    assert await link(db, "g", "new") == ("UNCHANGED", "g")


async def test_the_first_address_is_that_of_the_profile(
    people: asyncpg.Connection, db: Database
) -> None:
    await people.execute("""DELETE FROM "ContactMethod" WHERE "userId" = 'g'""")
    await link(db, "g", "new")
    mail = """SELECT email FROM "User" WHERE id = 'g'"""
    assert await people.fetchval(mail) == "new@home.test"
    await link(db, "g", "newer", "newer@home.test")
    assert await people.fetchval(mail) == "new@home.test"


async def test_an_address_that_is_somebodys_stays_theirs(
    people: asyncpg.Connection, db: Database
) -> None:
    assert await link(db, "g", "new", "U@HOME.test") == ("LINKED", "g")
    kept = (
        """SELECT "userId" FROM "ContactMethod" WHERE lower(value) = 'u@home.test' AND verified"""
    )
    assert [row[0] for row in await people.fetch(kept)] == ["u"]


async def test_all_that_a_guest_has_moves_to_the_user(
    people: asyncpg.Connection, db: Database
) -> None:
    moved = {key for key, rule in (await rules(people)).items() if rule == "moves"}
    assert moved <= await named(people, "g"), "the guest has something in each of them"
    assert await link(db, "g") == ("MERGED", "u")
    assert moved <= await named(people, "u")
    assert await named(people, "g") == {
        ('hub."AuditLog"', "actorId"),
        ('hub."MergedGuest"', "guestId"),
    }
    assert await people.fetchval("""SELECT count(*) FROM "User" WHERE id = 'g'""") == 0
    assert await people.fetchval("""SELECT role::text FROM "User" WHERE id = 'u'""") == "USER"


async def test_contacts_that_do_not_conflict_move_and_are_not_the_first(
    people: asyncpg.Connection, db: Database
) -> None:
    await link(db, "g")
    rows = await people.fetch("""SELECT id, "userId", verified, "primary" FROM "ContactMethod"
                                 ORDER BY id""")
    assert [tuple(row) for row in rows] == [
        ("else-g", "u", True, False),
        ("more-g", "u", True, False),
        ("same-u", "u", True, True),
    ]


async def test_receipts_and_timers_of_sessions_move(
    people: asyncpg.Connection, db: Database
) -> None:
    await link(db, "g")
    receipts = await people.fetch(
        'SELECT "sessionId", "userId", digest FROM hub."CommandReceipt" ORDER BY 1'
    )
    assert [tuple(row) for row in receipts] == [("", "u", "of u"), ("1", "u", "x")]
    timers = await people.fetch(
        """SELECT kind, "sessionId", "userId", shard, payload ->> 'guestId'
           FROM hub."Reminder" ORDER BY kind"""
    )
    assert [tuple(row) for row in timers] == [
        ("practice_follow", "1", "u", 1, "g"),
        ("practice_idle", "1", "u", 1, None),
    ]


async def test_a_merge_is_told_again_to_whom_it_was_not_answered(
    people: asyncpg.Connection, db: Database
) -> None:
    merged = Linked("MERGED", "u", ["1"])
    for subject in ("subject of u", "subject of u", "somebody else's"):
        again = await PostgresRegister(db).link("g", "https://id.example", subject, "u@home.test")
        assert again == merged
    assert (
        await people.fetchval("""SELECT count(*) FROM hub."Reminder"
                                    WHERE kind = 'practice_follow'""")
        == 1
    )


async def test_the_guests_token_speaks_for_the_user(
    people: asyncpg.Connection, db: Database
) -> None:
    await link(db, "g")
    long_ago = await people.fetchval("SELECT now() - interval '90 days'")
    assert await PostgresAccounts(db).recognise("g", long_ago) == ("u", "USER", None)


@pytest.mark.parametrize("how", IN_MEDIATION)
async def test_a_guest_in_a_mediation_is_never_merged(
    people: asyncpg.Connection, db: Database, how: str
) -> None:
    await people.execute(MEDIATION)
    await people.execute(IN_MEDIATION[how])
    before = await named(people, "g")
    assert await link(db, "g") == ("IN_MEDIATION", "g")
    assert await named(people, "g") == before | {('hub."AuditLog"', "actorId")}
    assert await link(db, "g", "an own one") == ("LINKED", "g"), "an own identity it may have"


@pytest.mark.parametrize(
    "change",
    [
        """INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
           VALUES ('g', 'g', 'https://id.example', 'subject of g')""",
        """UPDATE "User" SET role = 'STAFF' WHERE id = 'g'""",
    ],
    ids=["has an identity", "is no guest"],
)
async def test_who_is_no_guest_is_never_merged(
    people: asyncpg.Connection, db: Database, change: str
) -> None:
    await people.execute(change)
    before = await named(people, "g")
    assert await link(db, "g") == ("HAS_IDENTITY", "g")
    assert before <= await named(people, "g")


async def test_nobody_who_leaves_is_linked_or_merged_with(
    people: asyncpg.Connection, db: Database
) -> None:
    await people.execute(
        """INSERT INTO hub."Erasure" ("userId") VALUES ('other');
           INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
           VALUES ('late', 'other', 'https://id.example', 'subject of other')"""
    )
    assert await link(db, "g", "subject of other") == ("LEAVING", "g")
    assert await link(db, "other", "new") == ("UNKNOWN", "other")
    assert await link(db, "nobody", "new") == ("UNKNOWN", "nobody")


async def test_of_two_links_at_once_one_is_the_identity_and_one_is_merged(
    people: asyncpg.Connection, db: Database
) -> None:
    await people.execute("""INSERT INTO "User" (id, role) VALUES ('h', 'GUEST')""")
    both = await asyncio.gather(link(db, "g", "new"), link(db, "h", "new"))
    [winner] = [who for (said, _), who in zip(both, "gh", strict=True) if said == "LINKED"]
    assert sorted(both) == [("LINKED", winner), ("MERGED", winner)]
    assert {row[0] for row in await people.fetch('SELECT id FROM "User"')} == {"u", "other", winner}


async def test_a_merge_that_fails_leaves_everything(
    people: asyncpg.Connection, db: Database
) -> None:
    """The last step is refused: whatever was moved before is where it was."""
    before = await named(people, "g")
    await people.execute(
        """CREATE FUNCTION pg_temp.no() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'no'; END $$;
           CREATE TRIGGER refuse BEFORE DELETE ON "User" FOR EACH ROW
           EXECUTE FUNCTION pg_temp.no()"""
    )
    try:
        with pytest.raises(asyncpg.RaiseError):
            await link(db, "g")
    finally:
        await people.execute('DROP TRIGGER refuse ON "User"')
    assert await named(people, "g") == before


async def test_nobody_merges_but_by_linking(
    people: asyncpg.Connection, database: TestDatabase, db: Database
) -> None:
    doors = (db.as_ops(writes=True), db.as_nobody(writes=True))
    for door in doors:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with door as tx:
                await tx.fetch("SELECT hub.merge_guest('g', 'u')")
    async with db.as_nobody(writes=True) as tx:
        row = await tx.fetchrow("SELECT outcome FROM hub.link_identity('p', 's', 'e@x.test')")
    assert row is not None
    assert row["outcome"] == "UNKNOWN"
