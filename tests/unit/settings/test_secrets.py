"""A secret that was set stands in no text that a person or a log may see."""

from __future__ import annotations

import pytest

from beheard_hub.persistence.migrate import Migrated
from beheard_hub.persistence.prepare import Prepared
from beheard_hub.settings import VARIABLES, SettingsError, load, masked

CANARY = "c4n4ry-of-a-secret"
SECRETS = [variable.name for variable in VARIABLES if variable.secret]
SHAPES = {
    "DATABASE_URL": f"postgresql://owner:{CANARY}@db.example/hub?password={CANARY}",
    "ABLY_API_KEY": f"app.key:{CANARY}",
    "ADMIN_EMAILS": f"{CANARY}@home.test",
}
"""What a secret looks like where not every text will do."""


def test_whatever_sounds_like_a_secret_is_one() -> None:
    named = {v.name for v in VARIABLES if v.name.endswith(("_KEY", "_SECRET", "_TOKEN"))}
    assert named - {"BEHEARD_LINK_KEY"} <= set(SECRETS)  # that one names a file


@pytest.mark.parametrize("name", SECRETS)
def test_no_text_of_the_settings_holds_it(name: str) -> None:
    chosen = load({name: SHAPES.get(name, CANARY)})
    sections = [getattr(chosen, section) for section in chosen.__struct_fields__]
    shown = [repr(chosen), str(chosen), *map(repr, sections), repr(masked(chosen))]
    assert not [text for text in shown if CANARY in text]


@pytest.mark.parametrize("name", SECRETS)
def test_no_complaint_repeats_it(name: str) -> None:
    complaint = ""
    try:
        load({name: CANARY[:6]})
    except SettingsError as wrong:
        complaint = str(wrong)
    assert CANARY[:6] not in complaint


def test_where_to_connect_is_not_shown() -> None:
    url = SHAPES["DATABASE_URL"]
    assert CANARY not in repr(Prepared(url, url, (), None))
    assert CANARY not in repr(Migrated((), 1, url))
