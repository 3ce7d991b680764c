"""How each step of a journey is taken: a table from act to function, and plain commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from beheard_hub.demo.phone import AWAIT_SECONDS_MAX, Phone, Unplayable
from beheard_hub.journeys import Act, Side, Step

Take: TypeAlias = Callable[[Phone, Step, Mapping[str, Any]], Awaitable[Any]]
POLL_SECONDS = 0.2


async def take(phone: Phone, step: Step, phones: Mapping[Side, Phone]) -> None:
    """Takes one step for one person.

    Raises:
        HubError: the hub refused or is gone.
        Unplayable: something that had to come did not.
    """
    data = resolved(step.data, phone, phones)
    if step.say is not None:
        await _say(phone, step, data)
        return
    act = step.act
    reply = await (ACTS[act](phone, step, data) if act else _command(phone, step, data))
    if step.save is not None:
        phone.saved[step.save] = reply


def resolved(data: Any, phone: Phone, phones: Mapping[Side, Phone]) -> Any:
    """Data with every ``$name.path`` replaced by that part of a kept reply."""
    if isinstance(data, str) and data.startswith("$"):
        return _look_up(data[1:].split("."), phone, phones)
    if isinstance(data, Mapping):
        return {key: resolved(value, phone, phones) for key, value in data.items()}
    if isinstance(data, list):
        return [resolved(value, phone, phones) for value in data]
    return data


def _look_up(path: list[str], phone: Phone, phones: Mapping[Side, Phone]) -> Any:
    if path[0] == "time":
        days = int(path[1].removeprefix("in_").removesuffix("_days"))
        return (datetime.now(UTC) + timedelta(days=days)).isoformat()
    at_hand: dict[str, Any] = {**phone.saved, **{side: p.saved for side, p in phones.items()}}
    value: Any = at_hand
    for part in path:
        try:
            value = value[int(part)] if isinstance(value, list | tuple) else value[part]
        except (LookupError, TypeError, ValueError):
            raise Unplayable(f"there is no ${'.'.join(path)} (at {part})") from None
    return value


async def _say(phone: Phone, step: Step, _: Mapping[str, Any]) -> None:
    data: dict[str, Any] = {"content": step.say}
    if step.intensity is not None:
        data["emotionalIntensity"] = step.intensity
    if step.feeling is not None:
        data["emotionalContext"] = step.feeling
    reply = await phone.do("message.send", data)
    sent = reply["userMessage"]["id"]
    mine = await phone.event(
        "the own message",
        lambda e: e.name == "message.created" and e.data["message"]["id"] == sent,
    )
    phone.result.messages += 1
    await phone.answer(mine.seq)


async def _command(phone: Phone, step: Step, data: Mapping[str, Any]) -> Mapping[str, Any]:
    assert step.do is not None
    reply = await phone.do(step.do, data)
    if step.do == "empathy.save_draft":
        phone.draft = data["content"]
    elif step.do == "empathy.consent" and "finalContent" not in data:
        phone.cross(phone.draft)
    return reply


async def _advance(phone: Phone, _: Step, __: Mapping[str, Any]) -> None:
    before = phone.seq
    data = {"fromStage": phone.stage, "toStage": phone.stage + 1}
    reply = await phone.do("stage.advance", data)
    if not reply["success"]:
        missing = ", ".join(reply.get("unsatisfiedGates") or ())
        raise Unplayable(f"stage {phone.stage} was not left: {reply['blockedReason']} ({missing})")
    phone.stage += 1
    await phone.answer(before)


async def _confirm_needs(phone: Phone, step: Step, data: Mapping[str, Any]) -> Mapping[str, Any]:
    await phone.do("needs.list")
    own = (await phone.do("needs.add", data))["need"]["id"]
    listed = [need["id"] for need in (await phone.do("needs.list"))["needs"]]
    found = [need_id for need_id in listed if need_id != own]
    answers: list[dict[str, Any]] = [
        {"needId": need_id, "confirmed": len(found) < 2 or need_id != found[-1]}
        for need_id in [*found, own]
    ]
    if found and step.adjust is not None:
        answers[0]["adjustment"] = step.adjust
    return await phone.do("needs.confirm", {"confirmations": answers})


async def _share_needs(phone: Phone, _: Step, __: Mapping[str, Any]) -> Mapping[str, Any]:
    listed = (await phone.do("needs.list"))["needs"]
    confirmed = [need for need in listed if need["confirmed"]]
    for need in confirmed:
        phone.cross(need["need"], need["description"])
    return await phone.do("needs.consent", {"needIds": [need["id"] for need in confirmed]})


async def _settle_common_ground(phone: Phone, _: Step, data: Mapping[str, Any]) -> None:
    shown = await _until(phone, "common_ground.list", lambda r: bool(r["analysisComplete"]))
    if not shown["commonGround"]:
        await phone.do("common_ground.propose", data)
        shown = await phone.do("common_ground.list")
    answers = [{"commonGroundId": item["id"], "confirmed": True} for item in shown["commonGround"]]
    await phone.do("common_ground.confirm", {"confirmations": answers})


async def _rank(phone: Phone, step: Step, _: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = await _until(phone, "strategies.list", lambda r: r["phase"] == "RANKING")

    def place(item: Mapping[str, Any]) -> int:
        texts = list(step.prefer)
        return next((n for n, t in enumerate(texts) if t in item["description"]), len(texts))

    ranked = [item["id"] for item in sorted(shown["strategies"], key=place)]
    return await phone.do("strategies.rank", {"rankedIds": ranked})


async def _await(phone: Phone, step: Step, _: Mapping[str, Any]) -> None:
    assert step.event is not None
    await phone.event(step.event, lambda event: event.name == step.event)


async def _until(
    phone: Phone, command: str, holds: Callable[[Mapping[str, Any]], bool]
) -> Mapping[str, Any]:
    """Reads until it is so: what the other's last command caused may still be under way."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + AWAIT_SECONDS_MAX
    while not holds(reply := await phone.do(command)):
        if loop.time() > deadline:
            raise Unplayable(f"{command} did not become what it must be")
        await asyncio.sleep(POLL_SECONDS)
    return reply


ACTS: Mapping[Act, Take] = {
    Act.ADVANCE: _advance,
    Act.CONFIRM_NEEDS: _confirm_needs,
    Act.SHARE_NEEDS: _share_needs,
    Act.SETTLE_COMMON_GROUND: _settle_common_ground,
    Act.RANK: _rank,
    Act.AWAIT: _await,
}
