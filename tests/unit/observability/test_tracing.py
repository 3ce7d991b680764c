"""Traces: one tree from the frame to the commit, nothing when off, nobody's words in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from beheard_hub import settings, telemetry
from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.frames import Outgoing
from beheard_hub.gateway.router import Router
from beheard_hub.link_messages import CommandTo
from beheard_hub.links.inprocess import InprocessNetwork
from beheard_hub.observability import otlp, tracing
from beheard_hub.observability.tracing import Tracing
from beheard_hub.ports import OutcomeUnknown
from beheard_hub.testing.memory_stores import MemoryLeaseStore
from tests.unit.actors.world import Peer, World, until

CANARY = "the lamp on the stairs"


@contextlib.contextmanager
def on(share: float = 1.0) -> Iterator[InMemorySpanExporter]:
    """Traces of this process, kept here."""
    kept = InMemorySpanExporter()
    tracing.current = Tracing(SimpleSpanProcessor(kept), "test", share)
    try:
        yield kept
    finally:
        tracing.stop()


class Ear:
    """Whoever waits for answers at the gateway."""

    crowded = closed = False

    def __init__(self) -> None:
        self.frames: list[Outgoing] = []

    def deliver(self, frame: Outgoing) -> None:
        self.frames.append(frame)

    def answered(self) -> None:
        """Not counted here."""


@contextlib.asynccontextmanager
async def routed(world: World) -> AsyncIterator[Router]:
    """A gateway's router before one host."""
    host = await world.host()
    network = InprocessNetwork()
    network.listen("memory:h1", "h1", host.lease.epoch, host)
    router = Router(
        MemoryLeaseStore(world.database), network, world.clock, Bounds(refresh_seconds=30)
    )
    await router.start()
    try:
        await until(lambda: router.ready, "every shard reachable")
        yield router
    finally:
        await router.stop()


async def answered(router: Router, user: str, command: Submit) -> None:
    """Sends a command and waits for what comes back."""
    ear = Ear()
    router.submit(ear, user, command)
    await until(lambda: ear.frames, "the answer")


async def traced(*commands: Submit, user: str = "ann", share: float = 1.0) -> Spans:
    """Sends them one after the other, each when the one before is answered."""
    world = World()
    world.session("s1")
    try:
        with on(share) as kept:
            async with routed(world) as router:
                for command in commands:
                    await answered(router, user, command)
            return Spans(kept.get_finished_spans())
    finally:
        await world.stop()


class Spans:
    """What was finished, by name."""

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        self.all = spans

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span


def place(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def parent(span: ReadableSpan) -> tuple[int, int]:
    assert span.parent is not None
    return span.parent.trace_id, span.parent.span_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_command_is_one_tree_and_its_flush_is_linked() -> None:
    spans = await traced(Submit("c1", "s1", "step", {"amount": 2}))
    gateway, turn = spans.only("gateway.command"), spans.only("host.turn")
    flush, batch = spans.only("host.flush"), spans.only("flush.batch")
    assert gateway.parent is None
    assert parent(turn) == place(gateway)
    assert parent(flush) == place(turn)
    [link] = flush.links
    assert (link.context.trace_id, link.context.span_id) == place(batch)
    assert batch.parent is None
    assert place(batch)[0] != place(gateway)[0]
    assert attributes(gateway) == {"code": "ok"}
    assert attributes(turn) == {"command": "step", "code": "ok", "session_id": "s1"}
    assert attributes(flush) == {"code": "committed", "attempt": 1}
    assert {"entries", "size_bytes", "code", "attempt"} == set(attributes(batch))


async def test_a_span_ends_after_what_is_inside_it() -> None:
    spans = await traced(Submit("c1", "s1", "step", {}))
    ends = [spans.only(name).end_time for name in ("host.flush", "host.turn", "gateway.command")]
    assert None not in ends
    assert ends == sorted(ends, key=lambda at: at or 0)


async def test_a_refusal_is_traced_with_its_code_and_leaves_no_flush() -> None:
    spans = await traced(Submit("c1", "s1", "step", {}), user="eve")
    assert attributes(spans.only("gateway.command")) == {"code": Code.NOT_FOUND}
    assert attributes(spans.only("host.turn")) == {"command": "step", "code": Code.NOT_FOUND}
    assert spans.named("host.flush") == []


async def test_tries_of_a_commit_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host = await world.host()
    lost = iter([True])
    store = host.write_behind._store
    flush = store.flush

    async def once_lost(*of: Any) -> None:
        await flush(*of)
        if of[2] != b'{"writing":{},"ops":[]}' and next(lost, False):
            raise OutcomeUnknown

    monkeypatch.setattr(store, "flush", once_lost)
    peer = Peer(host)
    with on() as kept:
        assert tracing.current is not None
        above = tracing.current.command()
        message = CommandTo(1, "ann", "c1", "step", {}, "s1", tracing.place_of(above))
        host.received(peer, message)
        await peer.acked(1)
        flushed = Spans(kept.get_finished_spans()).only("host.flush")
    assert attributes(flushed) == {"code": "committed", "attempt": 2}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A database with one session."""
    world = World()
    world.session("s1")
    yield world
    await world.stop()


async def test_nobodys_words_are_in_it() -> None:
    spans = await traced(
        Submit(CANARY, "s1", "step", {"text": CANARY}),
        Submit("c2", "s1", CANARY, {}),
        Submit("c3", CANARY, "step", {}),
        Submit("c4", "s1", "step", {"amount": CANARY}),
        Submit("c5", "", CANARY, {CANARY: CANARY}),
    )
    assert len(spans.named("gateway.command")) == 5
    for span in spans.all:
        assert CANARY not in span.to_json()
        assert set(attributes(span)) <= telemetry.ALLOWED
        assert span.events == ()


async def test_the_gateway_decides_by_lot_and_the_host_follows() -> None:
    spans = await traced(Submit("c1", "s1", "step", {}), share=0.0)
    assert spans.all == ()


async def test_what_is_no_place_of_a_span_traces_nothing(world: World) -> None:
    host = await world.host()
    peer = Peer(host)
    with on() as kept:
        host.received(peer, CommandTo(1, "ann", "c1", "step", {}, "s1", b"short"))
        await peer.acked(1)
        assert kept.get_finished_spans() == ()


async def test_when_off_the_link_carries_nothing_and_nothing_is_kept(world: World) -> None:
    assert tracing.current is None
    host = await world.host()
    peer = Peer(host)
    host.received(peer, CommandTo(1, "ann", "c1", "step", {}, "s1", bytes(tracing.FIELD_BYTES)))
    await peer.acked(1)
    assert tracing.place_of(None) == b""


def test_settings_without_an_endpoint_start_nothing() -> None:
    tracing.start(settings.load({}).traces, "test")
    assert tracing.current is None


def test_an_endpoint_starts_them_once() -> None:
    chosen = settings.load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}).traces
    try:
        tracing.start(chosen, "test")
        first = tracing.current
        tracing.start(chosen, "test")
        assert first is not None
        assert tracing.current is first
    finally:
        tracing.stop()
    assert tracing.current is None


# ---- to a collector


async def test_a_collector_gets_what_otlp_says() -> None:
    spans = await traced(Submit("c1", "s1", "step", {}))
    asked: list[httpx.Request] = []

    def collector(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    exporter = otlp.OtlpJson("http://collector:4318/", httpx.MockTransport(collector))
    assert exporter.export(spans.all) is SpanExportResult.SUCCESS
    [request] = asked
    assert str(request.url) == "http://collector:4318/v1/traces"
    [resource] = msgspec.json.decode(request.content)["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "beheard-hub"}} in resource["resource"][
        "attributes"
    ]
    sent = {span["name"]: span for span in resource["scopeSpans"][0]["spans"]}
    assert sent["host.turn"]["parentSpanId"] == sent["gateway.command"]["spanId"]
    assert sent["host.flush"]["links"][0]["traceId"] == sent["flush.batch"]["traceId"]
    assert len(sent["host.turn"]["traceId"]) == 32
    assert {"key": "attempt", "value": {"intValue": "1"}} in sent["host.flush"]["attributes"]


@pytest.mark.parametrize("status", [400, 503])
async def test_a_collector_that_refuses_costs_nothing_but_the_spans(status: int) -> None:
    spans = await traced(Submit("c1", "s1", "step", {}))
    transport = httpx.MockTransport(lambda _: httpx.Response(status))
    exporter = otlp.OtlpJson("http://collector", transport)
    assert exporter.export(spans.all) is SpanExportResult.FAILURE
    exporter.shutdown()


async def test_what_is_sent_is_otlp_also_for_its_own_messages() -> None:
    """The JSON is read by OpenTelemetry's own definition, which knows every field."""
    body = otlp.request((await traced(Submit("c1", "s1", "step", {}))).all)
    read = ParseDict(body, ExportTraceServiceRequest())
    [resource] = read.resource_spans
    assert {span.name for span in resource.scope_spans[0].spans} == {
        "gateway.command", "host.turn", "host.flush", "flush.batch",
    }  # fmt: skip
