"""Spans to a collector: OTLP as JSON over HTTP, as its specification writes it.

The exporter of OpenTelemetry is a package that nothing here brings along; what it would do for us
are these lines over the HTTP client that we have (docs/decisions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from beheard_hub.telemetry import logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

SEND_SECONDS_MAX = 5.0
INTERNAL = 1
"""OTLP's number of the span kind."""

_log = logger("traces")


class OtlpJson(SpanExporter):
    """Posts to ``<endpoint>/v1/traces``. Whatever goes wrong costs these spans and a line."""

    def __init__(self, endpoint: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._client = httpx.Client(timeout=SEND_SECONDS_MAX, transport=transport)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called by the SDK, in a thread of its own."""
        body = msgspec.json.encode(request(spans))
        try:
            answer = self._client.post(
                self._url, content=body, headers={"content-type": "application/json"}
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            _log.warning("traces_not_sent", count=len(spans), error=type(error).__name__)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing more is sent."""
        self._client.close()


def request(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """The body for spans of one process."""
    resource = spans[0].resource.attributes if spans else {}
    scope = {"scope": {"name": "beheard_hub"}, "spans": [_span(span) for span in spans]}
    return {
        "resourceSpans": [
            {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}
        ]
    }


def _span(span: ReadableSpan) -> dict[str, Any]:
    assert span.context is not None
    shape: dict[str, Any] = {
        **_ids(span.context),
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "links": [_ids(link.context) for link in span.links],
    }
    if span.parent is not None:
        shape["parentSpanId"] = f"{span.parent.span_id:016x}"
    return shape


def _ids(context: SpanContext) -> dict[str, str]:
    return {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """JSON of OTLP writes whole numbers as text."""
    return [
        {"key": key, "value": {"intValue": str(value)}}
        if isinstance(value, int)
        else {"key": key, "value": {"stringValue": str(value)}}
        for key, value in attributes.items()
    ]
