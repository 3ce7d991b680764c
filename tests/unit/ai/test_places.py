"""Places to turn to: the hub's list, an operator's over it, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from beheard_hub.ai.places import (
    INTERNATIONAL,
    PlacesError,
    operators_places,
    own_places,
    places_for,
)
from beheard_hub.bootstrap import check_parts
from beheard_hub.settings import SetupError, load

_KNOWN = (
    "en-US", "en-GB", "en-IE", "en-AU", "en-CA", "de-DE", "de-AT", "de-CH", "fr-FR", "es-ES",
    "nl-NL", "de", "fr", "es", "nl", INTERNATIONAL,
)  # fmt: skip
_PLACE = 'name = "Line"\ncontact = "1"\ndescription = "Call."\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "places.toml"


def test_the_hub_knows_these_locales_and_each_begins_with_an_emergency_number() -> None:
    assert set(own_places()) == set(_KNOWN)
    for places in own_places().values():
        assert any(number in places[0].contact for number in ("112", "911", "999", "000"))
        assert len({place.contact for place in places}) == len(places) >= 2


@pytest.mark.parametrize(
    ("locale", "contact"),
    [
        ("en-US", "988"), ("en_GB", "999"), ("de-AT", "142"), ("de-at", "142"), ("de-LI", "112"),
        ("fr-BE", "112"), ("en-NZ", "findahelpline.com"), ("pt", "findahelpline.com"), ("", "112"),
        ("zh-Hant-TW", "findahelpline.com"),
    ],
)  # fmt: skip
def test_from_the_narrow_to_the_wide(locale: str, contact: str) -> None:
    assert any(contact in place.contact for place in places_for(locale))


def test_a_region_without_its_own_list_speaks_its_language() -> None:
    assert places_for("de-LI") == own_places()["de"]
    assert places_for("pt-BR") == own_places()[INTERNATIONAL]


def test_an_operators_file_goes_before_the_hubs_at_each_step(file: Path) -> None:
    file.write_text(f"[[de-AT]]\n{_PLACE}[[de]]\n{_PLACE}[[de]]\n{_PLACE}", "utf-8")
    theirs = operators_places(file)
    assert len(places_for("de-AT", theirs)) == 1
    assert len(places_for("de-LI", theirs)) == 2
    assert places_for("de-DE", theirs) == own_places()["de-DE"]
    assert places_for("fr-FR", theirs) == own_places()["fr-FR"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[de-AT]\n", "no TOML"),
        (f"[[Austria]]\n{_PLACE}", "[[Austria]] is neither a locale"),
        ("de = 3\n", "[[de]] needs 1 to 8 places"),
        ("de = []\n", "[[de]] needs 1 to 8 places"),
        ('[[de]]\nname = "Line"\ncontact = "1"\n', "description"),
        ('[[de]]\nname = "Line"\ncontact = 112\ndescription = "Call."\n', "contact"),
        (f'[[de]]\n{_PLACE}number = "2"\n', "number"),
        ('[[de]]\nname = " "\ncontact = "1"\ndescription = "Call."\n', "name"),
    ],
)
def test_a_bad_file_is_named_at_the_start(file: Path, text: str, said: str) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(PlacesError) as wrong:
        operators_places(file)
    assert said in str(wrong.value)
    with pytest.raises(SetupError, match="BEHEARD_SAFETY_RESOURCES names a file that cannot be"):
        check_parts(load({"BEHEARD_SAFETY_RESOURCES": str(file)}))


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read \\(FileNotFoundError\\)"):
        check_parts(load({"BEHEARD_SAFETY_RESOURCES": str(file)}))


def test_a_good_file_is_taken(file: Path) -> None:
    file.write_text(f"[[{INTERNATIONAL}]]\n{_PLACE}", "utf-8")
    check_parts(load({"BEHEARD_SAFETY_RESOURCES": str(file)}))
