"""The OpenAPI document as one page for people: no network, no framework, readable without a script.

Written on the server, so that it can be read, printed and searched as it comes; the script only
filters and opens. Works on a phone, by keyboard, in light and dark.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from beheard_hub.domain.refusals import CODES
from beheard_hub.gateway.documents.schema import COMPONENT, Schema

_MARKS = ((r"\*\*(.+?)\*\*", r"<strong>\1</strong>"), (r"`(.+?)`", r"<code>\1</code>"))
_LIMITS = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("default", "{} if not given"),
)


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8").strip()


def digest(text: str) -> str:
    """As a policy names an inline style or script."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


@cache
def policy() -> str:
    """The page's Content-Security-Policy: its own style and script, nothing else."""
    style, script = digest(_part("page.css")), digest(_part("page.js"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    shapes = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if not name.endswith("Reply")
    }
    return Template(_part("page.html")).substitute(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        style=_part("page.css"),
        script=_part("page.js"),
        about=_prose(document["info"]["description"]),
        contents="".join(_contents(document)),
        routes="".join(_routes(document)),
        errors=_errors(),
        shapes="".join(_shape(name, schema) for name, schema in shapes.items()),
    )


# ---- text


def _inline(text: str) -> str:
    found = escape(text, quote=False)
    for mark, shown in _MARKS:
        found = re.sub(mark, shown, found)
    return found


def _prose(text: str) -> str:
    """Paragraphs and lists."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith("* "):
            items = re.split(r"\n?^\* ", block, flags=re.MULTILINE)[1:]
            found.append("<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>")
        else:
            found.append(f"<p>{_inline(block)}</p>")
    return "".join(found)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'
        f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre tabindex="0"><code>{escape(text, quote=False)}</code></pre>'


# ---- contents


def _grouped(document: Mapping[str, Any]) -> Iterator[tuple[str, str, list[tuple[str, str, Any]]]]:
    """(heading, about, its routes as (method, path, operation))."""
    routes = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for tag in document["tags"]:
        found = [route for route in routes if tag["name"] in route[2]["tags"]]
        yield tag["name"], tag["description"], found


def _key(name: str) -> str:
    return name.lower().replace(" ", "-")


def _words(method: str, path: str, operation: Mapping[str, Any]) -> str:
    words = f"{method} {path} {operation['summary']} {operation['description']}".lower()
    return f'data-words="{escape(words)}"'


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    for name, _, routes in _grouped(document):
        links = "".join(
            f'<li {_words(*route)}><a href="#{route[2]["operationId"]}">'
            f"{escape(route[2]['summary'])}</a></li>"
            for route in routes
        )
        yield f'<div data-group><h2><a href="#{_key(name)}">{name}</a></h2><ul>{links}</ul></div>'
    yield ('<ul><li><a href="#errors">Errors</a></li><li><a href="#shapes">Shapes</a></li></ul>')


# ---- routes


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    for name, about, routes in _grouped(document):
        shown = "".join(_route(document, *route) for route in routes)
        key = _key(name)
        yield (
            f'<section id="{key}" aria-labelledby="{key}-title" data-group>'
            f'<h2 id="{key}-title">{name}</h2><p>{_inline(about)}</p>{shown}</section>'
        )


def _route(
    document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]
) -> str:
    return (
        f'<details class="route" id="{operation["operationId"]}" '
        f"{_words(method, path, operation)}>"
        f'<summary><span class="verb {method}">{method.upper()}</span>'
        f'<span class="path">{escape(path)}</span>'
        f'<span class="says">{escape(operation["summary"])}</span></summary>'
        f"<div><p>{_inline(operation['description'])}</p>"
        f"{_parameters(document, operation)}{_body(operation)}{_responses(document, operation)}"
        "</div></details>"
    )


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    rows = []
    for given in operation["parameters"]:
        one = _resolved(document, given)
        need = "needed" if one["required"] else "may be left out"
        rows.append(
            (
                f"<code>{one['name']}</code>",
                one["in"],
                f"{_inline(one['description'])} {_kind(one['schema'])} "
                f'<span class="need">{need}</span>',
            )
        )
    return "<h3>Parameters</h3>" + _table(("name", "in", "meaning"), rows) if rows else ""


def _body(operation: Mapping[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    content = operation["requestBody"]["content"]["application/json"]
    if not content["schema"]["properties"]:
        return ""
    return "<h3>Body</h3>" + _fields(content["schema"]) + _code(content["example"])


def _responses(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    success, refusals = "", []
    for status, given in operation["responses"].items():
        response = _resolved(document, given)
        kind, content = next(iter(response["content"].items()))
        if status.startswith("2"):
            said = (
                "" if kind == "application/json" else f"<p>{_inline(response['description'])}</p>"
            )
            success = (
                f"<h3>{status}</h3>{said}{_reply(document, content)}{_code(content['example'])}"
            )
        else:
            codes = ", ".join(
                f'<a href="#error-{code}"><code>{code}</code></a>' for code in content["examples"]
            )
            refusals.append((status, codes))
    return success + "<h3>Refusals</h3>" + _table(("status", "codes"), refusals)


def _reply(document: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    data = content["schema"].get("properties", {}).get("data")
    return "" if data is None else _fields(_resolved(document, data))


def _resolved(document: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    if "$ref" not in found:
        return found
    target: Any = document
    for step in found["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    resolved: Mapping[str, Any] = target
    return resolved


# ---- schemas


def _fields(schema: Schema) -> str:
    needed = schema.get("required", ())
    rows = []
    for name, field in schema["properties"].items():
        need = "" if name in needed else ' <span class="need">may be left out</span>'
        meaning = _inline(field.get("description", ""))
        rows.append((f"<code>{name}</code>", _kind(field), meaning + need))
    return _table(("field", "type", "meaning"), rows)


def _kind(schema: Schema) -> str:
    """A type in words, with its limits."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENT)
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    types = schema.get("type", "any")
    names = [types] if isinstance(types, str) else list(types)
    if "const" in schema:
        return f"<code>{json.dumps(schema['const'])}</code>"
    if "enum" in schema:
        return " · ".join(
            f"<code>{'null' if one is None else one}</code>" for one in schema["enum"]
        )
    if "items" in schema:
        names = [name.replace("array", f"list of {_kind(schema['items'])}") for name in names]
    shown = " or ".join([*names[:1], *(name for name in names[1:])])
    format_ = {"date-time": " (time)", "uri": " (address)"}.get(schema.get("format", ""), "")
    limits = [text.format(escape(str(schema[key]))) for key, text in _LIMITS if key in schema]
    return shown + format_ + (f", {', '.join(limits)}" if limits else "")


def _shape(name: str, schema: Schema) -> str:
    about = _inline(schema.get("description", ""))
    return f'<h3 id="shape-{name}">{name}</h3><p>{about}</p>{_fields(schema)}'


def _errors() -> str:
    rows = [
        (
            f'<code id="error-{code}">{code}</code>',
            str(row.http_status),
            "yes, with the same Idempotency-Key" if row.retryable else "no",
            escape(row.sentence),
        )
        for code, row in CODES.items()
    ]
    return _table(("code", "status", "send it again", "sentence"), rows)
