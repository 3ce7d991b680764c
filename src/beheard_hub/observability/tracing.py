"""Traces of commands, from the frame that brought them to the commit that holds them.

    gateway.command            from the frame to its ack or error
    └─ host.turn               from the link to the answer on the link
       └─ host.flush           from the first try of its commit to its end; linked to the batch
    flush.batch                one flush, with as many turns as it has; a trace of its own

Off unless an endpoint is set; then `current` is None and a command costs one look at it. Which
commands are traced is decided by lot at the gateway; a host follows what comes over the link.
Attributes are fields of `telemetry.ALLOWED` and nothing else: ids of ours, sizes, codes. What a
client may choose freely (a command's id, a name that is none) is no attribute.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from beheard_hub import telemetry
from beheard_hub.settings import Traces

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, SpanContext

Attribute: TypeAlias = str | int
FIELD_BYTES = 16 + 8
"""A span's place on the link: trace id and span id."""


class Tracing:
    """Makes spans of this process and hands them to `processor`."""

    def __init__(self, processor: SpanProcessor, process: str, share: float = 1.0) -> None:
        from opentelemetry.sdk.resources import Resource  # loads slowly: only where used
        from opentelemetry.sdk.trace import TracerProvider

        resource = Resource({"service.name": "beheard-hub", "service.instance.id": process})
        self._provider: TracerProvider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("beheard_hub")
        self._share = share

    def command(self) -> Span | None:
        """A command came to a gateway; None: it is not among those that are traced."""
        if random.random() >= self._share:  # noqa: S311
            return None
        return self._begin("gateway.command")

    def turn(self, place: bytes, command: str) -> Span | None:
        """It came to a host over the link. `command` is a name of ours."""
        above = _context(place)
        if above is None:
            return None
        return self._begin("host.turn", above, command=command)

    def batch(self, turns: Sequence[Span | None], size_bytes: int) -> Batch | None:
        """A flush begins; None where none of its turns is traced."""
        traced = [turn for turn in turns if turn is not None]
        if not traced:
            return None
        span = self._begin("flush.batch", entries=len(turns), size_bytes=size_bytes)
        return Batch(span, [self._begin("host.flush", t.get_span_context(), span) for t in traced])

    def stop(self) -> None:
        """Sends what is left; blocks for as long as that takes."""
        self._provider.shutdown()

    def _begin(
        self,
        name: str,
        above: SpanContext | None = None,
        linked: Span | None = None,
        **attributes: Attribute,
    ) -> Span:
        from opentelemetry import trace
        from opentelemetry.context import Context

        context = Context()
        if above is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(above), context)
        links = [] if linked is None else [trace.Link(linked.get_span_context())]
        return self._tracer.start_span(
            name, context=context, attributes=_allowed(attributes), links=links
        )


class Batch:
    """A flush under way, as its turns see it and as a whole."""

    def __init__(self, span: Span, turns: Sequence[Span]) -> None:
        self._spans = (*turns, span)

    def end(self, code: str, attempt: int) -> None:
        """Its outcome is known after so many tries."""
        for span in self._spans:
            end(span, code=code, attempt=attempt)


def end(span: Span, **attributes: Attribute) -> None:
    """The span is over."""
    span.set_attributes(_allowed(attributes))
    span.end()


def place_of(span: Span | None) -> bytes:
    """What goes over the link; empty where nothing is traced."""
    if span is None:
        return b""
    context = span.get_span_context()
    return context.trace_id.to_bytes(16, "big") + context.span_id.to_bytes(8, "big")


def _context(place: bytes) -> SpanContext | None:
    if len(place) != FIELD_BYTES:
        return None
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        int.from_bytes(place[:16], "big"),
        int.from_bytes(place[16:], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _allowed(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {name: value for name, value in attributes.items() if name in telemetry.ALLOWED}


current: Tracing | None = None
"""Of this process; None: traces are off."""


def start(traces: Traces, process: str) -> None:
    """Switches traces on where settings name an endpoint; calling again is harmless."""
    global current
    if traces.endpoint is None or current is not None:
        return
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from beheard_hub.observability.otlp import OtlpJson

    processor = BatchSpanProcessor(OtlpJson(traces.endpoint))
    current = Tracing(processor, process, traces.percent / 100)


def stop() -> None:
    """Sends what is left and switches traces off; blocks for as long as that takes."""
    global current
    ending, current = current, None
    if ending is not None:
        ending.stop()
