"""What a request shows a model, and in which form.

Instructions are in ``system`` and are ours alone. Whatever anybody wrote stands in user turns, each
datum as JSON between tags, with the characters escaped that could close a tag: so a user's words
can look like instructions, but cannot stand where instructions stand. Ids of people and sessions
are left out: a model has no use for them.

Kinds of data: ``context`` (facts, and what a bundle holds beside the conversation), ``words`` (one
message of the user), ``task`` (what this call is about). The facilitator's own earlier answers are
assistant turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from beheard_hub.ai.anthropic.models import manner_of
from beheard_hub.ai.anthropic.prompts import Prompt
from beheard_hub.ai.thread import is_said, role, waits_in
from beheard_hub.domain.mediation.contract import ROWS
from beheard_hub.domain.mediation.protocol import GATES_OF
from beheard_hub.facilitation import Bundle, Item

Kind = Literal["context", "words", "task"]
Turn = Mapping[str, str]
"""``role`` and ``content``."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def datum(kind: Kind, value: object) -> str:
    """`value` as JSON that cannot leave its tag."""
    text = msgspec.json.encode(value).decode().translate(_ESCAPES)
    return f'<data kind="{kind}">{text}</data>'


def conversation(bundle: Bundle, task: Mapping[str, Any]) -> list[Turn]:
    """The turns of a request about a thread: context, what was said, the task.

    Messages that wait for an answer come last, also those that were written while the facilitator
    spoke: the answer is to them.
    """
    waiting = {item.id for item in waits_in(bundle)}
    said = sorted(
        (item for item in bundle.items if is_said(item)),
        key=lambda item: (item.id in waiting, item.created_at, item.id),
    )
    spoken = [
        ("user", datum("words", {"text": item.text}))
        if role(item) == "USER"
        else ("assistant", item.text)
        for item in said
    ]
    return merged(
        [("user", datum("context", context(bundle))), *spoken, ("user", datum("task", task))]
    )


def about(task: Mapping[str, Any], bundle: Bundle | None = None) -> list[Turn]:
    """The turn of a request without a conversation; with a bundle, its context too."""
    first = [] if bundle is None else [("user", datum("context", context(bundle)))]
    return merged([*first, ("user", datum("task", task))])


def numbered(bundle: Bundle, messages: Sequence[str]) -> list[Turn]:
    """The turn of a request about single messages, which the answer names by number."""
    bare = msgspec.structs.replace(bundle, items=())
    words = [
        ("user", datum("words", {"number": number, "text": text}))
        for number, text in enumerate(messages, 1)
    ]
    return merged([("user", datum("context", context(bare))), *words])


def merged(spoken: Sequence[tuple[str, str]]) -> list[Turn]:
    """(role, text) as turns, those of one role together."""
    turns: list[dict[str, str]] = []
    for who, text in spoken:
        if turns and turns[-1]["role"] == who:
            turns[-1]["content"] += f"\n{text}"
        else:
            turns.append({"role": who, "content": text})
    return list(turns)


def context(bundle: Bundle) -> Mapping[str, Any]:
    """The facts of a bundle, and its items beside the conversation. Ideas have numbers, by which
    rankings name them."""
    items = [item for item in bundle.items if _visible(item, bundle.stage)]
    ideas = [item.id for item in items if item.type == "strategy"]
    numbers = {id_: number for number, id_ in enumerate(ideas, 1)}
    return {
        "stage": bundle.stage,
        "gates": {
            gate.key: bool(bundle.gates.get(gate.key)) for gate in GATES_OF.get(bundle.stage, ())
        },
        "intent": bundle.intent,
        "names": {"user": bundle.user_name, "partner": bundle.partner_name},
        "items": [_shown(item, numbers) for item in items],
    }


def _visible(item: Item, stage: int) -> bool:
    """The contract once more: no raw event in stage 3, whoever put it there."""
    row = ROWS.get(item.type)
    return not is_said(item) and row is not None and stage in row.stages


def _shown(item: Item, numbers: Mapping[str, int]) -> Mapping[str, Any]:
    hidden = ROWS[item.type].hidden
    fields = {
        name: value
        for name, value in item.fields.items()
        if name not in hidden and not name.endswith(("Id", "Ids"))
    }
    if item.id in numbers:
        fields["number"] = numbers[item.id]
    if item.type == "ranking":
        ranked: Any = item.fields.get("rankedIds") or ()
        fields["ranked"] = [numbers[id_] for id_ in ranked if id_ in numbers]
    whose = {"user": "user", "global": "library"}.get(item.source, "shared")
    return {
        **fields,
        "type": item.type,
        "of": "partner" if item.type == "consented_content" else whose,
        "stage": item.stage,
        "at": item.created_at.isoformat(timespec="minutes"),
        "text": item.text,
    }


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, before it is sent."""

    call: str
    label: str
    model: str
    body: Mapping[str, Any]
    """Arguments of the SDK's ``messages.create``."""

    def __repr__(self) -> str:
        return f"Request({self.call}, {self.model})"


def request(
    prompt: Prompt, model: str, turns: Sequence[Turn], schema: Mapping[str, Any] | None = None
) -> Request:
    """The request of a call; with a schema its answer is JSON of that shape."""
    more = dict(manner_of(model).parameters(prompt.temperature, prompt.max_tokens))
    if schema is not None:
        config = {"format": {"type": "json_schema", "schema": schema}}
        more["output_config"] = {**more.get("output_config", {}), **config}
    stable = {
        "type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"},
    }  # fmt: skip
    body = {"model": model, "system": [stable], "messages": list(turns), **more}
    return Request(call=prompt.name, label=prompt.label, model=model, body=body)
