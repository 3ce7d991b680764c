"""The page for people: all of the document, nothing from elsewhere, every link leads somewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents import openapi, page
from beheard_hub.gateway.documents.openapi import operation_id
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES

VOID = {"meta", "input"}


class Read(HTMLParser):
    """What a browser finds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.labels: list[str] = []
        self.words: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href", "action", "style") or name.startswith("on"):
                self.loaded.append(f"{tag} {name}")
            elif name in ("for", "aria-labelledby"):
                self.labels.append(value or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def read() -> Read:
    return Read(page.page(openapi.document()))


def test_tags_are_closed_and_ids_unique(read: Read) -> None:
    assert read.open == []
    assert len(set(read.ids)) == len(read.ids)


def test_links_and_labels_lead_somewhere(read: Read) -> None:
    inside = {link.removeprefix("#") for link in read.links if link.startswith("#")}
    assert len(inside) > 100
    assert inside - set(read.ids) == set()
    assert [link for link in read.links if not link.startswith("#")] == ["/schema/openapi.json"]
    assert set(read.labels) - set(read.ids) == set()


def test_nothing_is_loaded_from_anywhere(read: Read) -> None:
    assert read.loaded == []
    text = page.page(openapi.document())
    assert "url(" not in text
    assert "@import" not in text


def test_every_route_and_every_error_is_shown(read: Read) -> None:
    shown = "\n".join(read.words)
    for route in ROUTES:
        assert operation_id(route) in read.ids
        assert PREFIX + route.path in shown
    assert {f"error-{code}" for code in Code} <= set(read.ids)


def test_headings_skip_no_level(read: Read) -> None:
    assert read.headings[0] == 1
    deeper = [b - a for a, b in zip(read.headings, read.headings[1:], strict=False)]
    assert max(deeper) == 1


def test_the_policy_lets_the_own_style_and_script_run_and_nothing_else() -> None:
    text, policy = page.page(openapi.document()), page.policy()
    for tag in ("style", "script"):
        inline = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inline is not None
        assert f"{tag}-src '{page.digest(inline.group(1))}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_words_of_the_document_are_no_markup() -> None:
    document = {**openapi.document(), "info": {**openapi.document()["info"], "title": "<b>&"}}
    assert "<h1>&lt;b&gt;&amp;" in page.page(document)
