"""Named queries: how files are read, and that every header tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beheard_hub.persistence import sql


@pytest.mark.parametrize("query", sql.queries().values(), ids=lambda query: query.name)
def test_the_header_names_every_parameter(query: sql.Query) -> None:
    used = {int(number) for number in re.findall(r"\$(\d+)", query.text)}
    if query.args:
        assert used == set(range(1, len(query.args) + 1))
    else:
        assert not used or query.name.startswith("load_")
    assert query.text


@pytest.mark.parametrize("path", sorted(sql.QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_every_file_says_its_purpose_first(path: Path) -> None:
    assert path.read_text().startswith("-- ")
    assert "-- name:" not in path.read_text().splitlines()[0]


def test_a_file_without_names_is_one_query(tmp_path: Path) -> None:
    (tmp_path / "alone.sql").write_text("-- What it is for.\n-- args: a, b\nSELECT $1, $2;\n")
    assert sql.queries(tmp_path)["alone"] == sql.Query("alone", ("a", "b"), "SELECT $1, $2")


def test_a_query_of_several_tables_is_there_for_each(tmp_path: Path) -> None:
    (tmp_path / "all.sql").write_text(
        "-- P.\n\n-- name: old.{table}\n-- tables: A, B\n-- args: at\nSELECT $1 FROM {table};\n"
    )
    assert sql.queries(tmp_path) == {
        "old.A": sql.Query("old.A", ("at",), "SELECT $1 FROM A"),
        "old.B": sql.Query("old.B", ("at",), "SELECT $1 FROM B"),
    }


def test_a_name_is_used_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.sql").write_text("-- P.\n\n-- name: same\nSELECT 1\n")
    with pytest.raises(ValueError, match=r"query same is there twice, again in two\.sql"):
        sql.queries(tmp_path)
