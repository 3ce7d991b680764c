"""How a request survives a bad minute: retries, a breaker, time-outs (spec 06).

The SDK sends each attempt once; what is tried again, and when, is said here. A retry after text was
shown begins with ``Delta(reset=True)``. An answer counts only when the provider said that it is
whole: one that stops in the middle, for whatever reason, is no answer.

No text of a request, an answer or an error leaves this module but as an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import anthropic
import httpx2
import msgspec

from beheard_hub import metering, telemetry
from beheard_hub.ai.anthropic.events import (
    Ended,
    Failed,
    Started,
    Stopping,
    TokenCounts,
    Told,
    Written,
    told,
)
from beheard_hub.ai.anthropic.wording import Request
from beheard_hub.ai.breaker import Breaker
from beheard_hub.facilitation import Delta, FacilitatorFailed, Usage
from beheard_hub.observability.metrics import AI_REQUESTS
from beheard_hub.ports import Sleep

BASE_URL = "https://api.anthropic.com"
AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses that may be different next time."""
AGAIN_TYPES = frozenset({"api_error", "overloaded_error", "rate_limit_error", "timeout_error"})
"""The same for an error inside a stream, whose status was good."""
STREAMS_UNHURRIED = 40
"""As many answers at once are read as they come."""
READS_PER_SECOND_MAX = 250
"""Of all answers together where there are more: of 500 at once each gets a few sentences every two
seconds. Rarer and longer pieces cost nobody a word; more of them cost everybody's acks."""
UNACCEPTABLE = frozenset({400, 413, 422})
"""Statuses that are about the request: it would be refused again."""

_log = telemetry.logger("ai")
_T = TypeVar("_T")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is tried, and how long it may take."""

    retries_max: int = 2
    first_word_seconds_max: float = 10.0
    """Of one attempt: half of what a person waits, so that a silent one is tried once more."""
    pause_between_words_seconds_max: float = 10.0
    answer_seconds_max: float = 60.0
    """Of all attempts, with the pauses between them."""
    pause_seconds_min: float = 0.5
    """Before the first retry; doubled before each further one."""


class Whole(msgspec.Struct, frozen=True):
    """An answer that is complete; ends a stream."""

    text: str
    usage: Usage


class _Again(Exception):
    """Worth another attempt, after `pause_seconds` if the provider named them."""

    def __init__(self, reason: str, pause_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_seconds = pause_seconds


class _Final(Exception):
    """Not worth another attempt; asking again later is, or is not."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


def make_client(key: str, base_url: str | None) -> anthropic.AsyncAnthropic:
    """The SDK, with everything off that would act, or tell, on its own.

    Over aiohttp, which it offers beside its default: a piece of an answer costs a third less there,
    and a host reads thousands a second.
    """
    for name in ("anthropic", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return anthropic.AsyncAnthropic(
        api_key=key,
        base_url=base_url or BASE_URL,
        max_retries=0,
        http_client=anthropic.DefaultAioHttpClient(timeout=httpx2.Timeout(None, connect=5.0)),
        open_telemetry=False,
    )


class Transport:
    """Sends requests, for all calls of one provider in this process."""

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        *,
        mono: Callable[[], float],
        sleep: Sleep,
        uniform: Callable[[float, float], float],
        limits: Limits | None = None,
    ) -> None:
        """`mono` gives seconds that never jump, `uniform` a number between two."""
        self._client = client
        self._mono = mono
        self._sleep = sleep
        self._uniform = uniform
        self._limits = limits or Limits()
        self._breaker = Breaker(mono)
        self._streams = 0
        """Answers that are being read now."""

    async def close(self) -> None:
        """Ends all connections."""
        await self._client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Whole]:
        """The answer in pieces, and at last as a whole.

        Raises FacilitatorFailed when no attempt gave a whole answer. Cancelling, or closing the
        iterator, ends the request under way.
        """
        ends = self._mono() + self._limits.answer_seconds_max
        shown = False
        for attempt in range(self._limits.retries_max + 1):
            if not self._breaker.admits():
                raise FacilitatorFailed("the provider is left in peace for a while")
            try:
                async with aclosing(self._attempt(request)) as pieces:
                    async for piece in pieces:
                        shown = True
                        yield piece
                return
            except _Final as final:
                _note(request, attempt, final.reason)
                raise FacilitatorFailed(final.reason, retryable=final.retryable) from None
            except _Again as again:
                _note(request, attempt, again.reason)
                pause = self._pause(attempt, again)
                if attempt == self._limits.retries_max or self._mono() + pause >= ends:
                    raise FacilitatorFailed(again.reason) from None
            if shown:
                yield Delta("", reset=True)
                shown = False
            await self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def whole(self, request: Request) -> Whole:
        """The answer, when it is there. Raises FacilitatorFailed."""
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Whole):
                    return piece
        raise AssertionError("a stream ends with the whole or raises")

    def _pause(self, attempt: int, again: _Again) -> float:
        """Seconds before the next attempt: with jitter, and no less than the provider asked for."""
        widest: float = self._limits.pause_seconds_min * 2**attempt
        return max(again.pause_seconds, widest * self._uniform(0.5, 1.0))

    async def _attempt(self, request: Request) -> AsyncGenerator[Delta | Whole]:
        """One request; tells the breaker how it went."""
        outcome: Callable[[], None] = self._breaker.left
        word = "left"
        tally = _Tally()
        try:
            async with aclosing(self._texts(request, tally)) as texts:
                async for text in texts:
                    yield Delta(text)
            outcome = self._breaker.succeeded
            whole = tally.whole()
            word = "answered"
            yield whole
        except _Again:
            outcome = self._breaker.succeeded if tally.over else self._breaker.failed
            word = "failed"
            raise
        except _Final:
            outcome = self._breaker.succeeded
            word = "refused"
            raise
        finally:
            outcome()
            AI_REQUESTS.labels(request.call, word).inc()
            if tally.usage != Usage():
                metering.used(call=request.call, model=request.model, usage=tally.usage)

    async def _texts(self, request: Request, tally: _Tally) -> AsyncGenerator[str]:
        """The pieces of text of one request. Raises _Again, _Final."""
        first = self._mono() + self._limits.first_word_seconds_max
        creating = self._client.messages.create(stream=True, **request.body)
        self._streams += 1
        try:
            async with await self._within(first, creating) as stream:
                response: Any = stream.response
                response.stream = Strided(
                    response.stream, self._stride, self._sleep, lambda: self._patience(first, tally)
                )
                async for event in anthropic.AsyncStream.raw_events(response):
                    text = tally.take(told(event.event, event.data))
                    if text:
                        yield text
                    if tally.over:
                        return
        except TimeoutError:
            raise _Again("silence") from None
        except anthropic.APIStatusError as wrong:
            raise _judged(wrong) from None
        except (anthropic.APIError, httpx2.HTTPError) as wrong:
            raise _Again(type(wrong).__name__) from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _Again("an answer that cannot be read") from None
        finally:
            self._streams -= 1

    def _stride(self) -> float:
        """Seconds between two looks at one answer; none while few are read. With jitter: answers
        that began together would be read together, and everybody else would wait for all."""
        if self._streams <= STREAMS_UNHURRIED:
            return 0.0
        return self._streams / READS_PER_SECOND_MAX * self._uniform(0.5, 1.5)

    def _patience(self, first: float, tally: _Tally) -> float:
        """Seconds that the provider may be silent now; `first` is when its first word is due."""
        if tally.text:
            return self._limits.pause_between_words_seconds_max
        return max(0.0, first - self._mono())

    async def _within(self, due: float, waiting: Awaitable[_T]) -> _T:
        """Waits until `due` at most. Raises TimeoutError."""
        async with asyncio.timeout(max(0.0, due - self._mono())):
            return await waiting


class Strided(httpx2.AsyncByteStream):
    """A body that is read in strides: what came in the meantime is one chunk. To wake up for every
    few words of a thousand answers would cost more than the words, and so would a time-out for each
    of them: it is the next chunk that is waited for, for `patience` seconds."""

    def __init__(
        self, body: httpx2.AsyncByteStream, stride: Callable[[], float], sleep: Sleep,
        patience: Callable[[], float],
    ) -> None:  # fmt: skip
        self._body = body
        self._stride = stride
        self._sleep = sleep
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks. Raises TimeoutError."""
        chunks = aiter(self._body)
        while True:
            async with asyncio.timeout(self._patience()):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield chunk
            if seconds := self._stride():
                await self._sleep(seconds)

    async def aclose(self) -> None:
        """Closes the body."""
        await self._body.aclose()


class _Tally:
    """What came of one attempt so far."""

    def __init__(self) -> None:
        self.text = ""
        self.usage = Usage()
        self._stop: str | None = None
        self.over = False
        """Whether the provider came to the end of its answer, whatever that is worth."""

    def take(self, event: Told | None) -> str:
        """Takes one event; gives the text that it brought. Raises _Again, _Final."""
        match event:
            case Written(delta) if delta.type == "text_delta":
                self.text += delta.text
                return delta.text
            case Started(message):
                self._count(message.usage)
            case Stopping(delta, usage):
                self._stop = delta.stop_reason
                self._count(usage)
            case Ended():
                self.over = True
            case Failed(error):
                if error.type in AGAIN_TYPES:
                    raise _Again(f"{error.type} in the middle")
                raise _Final("an error in the middle", retryable=True)
        return ""

    def _count(self, usage: TokenCounts) -> None:
        """Counts are of the whole attempt; those that are not said again stay as they were."""
        fresh = usage.input_tokens
        if fresh is not None:
            fresh += usage.cache_creation_input_tokens or 0
        cached = usage.cache_read_input_tokens
        self.usage = Usage(
            input=self.usage.input if fresh is None else fresh,
            output=usage.output_tokens or self.usage.output,
            cached=self.usage.cached if cached is None else cached,
        )

    def whole(self) -> Whole:
        """The answer, if it is one. Raises _Again, _Final."""
        if self._stop == "refusal":
            raise _Final("declined", retryable=False)
        if not self.over:
            raise _Again("the stream broke off")
        if self._stop == "max_tokens":
            raise _Again("an answer that is too long")
        if not self.text.strip():
            raise _Again("an empty answer")
        return Whole(self.text, self.usage)


def _judged(wrong: anthropic.APIStatusError) -> Exception:
    """Whether an error of the provider is worth another attempt."""
    if wrong.status_code in AGAIN or wrong.type in AGAIN_TYPES:
        return _Again(f"HTTP {wrong.status_code}", _retry_after(wrong.response.headers))
    return _Final(f"HTTP {wrong.status_code}", retryable=wrong.status_code not in UNACCEPTABLE)


def _retry_after(headers: httpx2.Headers) -> float:
    """Seconds; a date, which hardly any server sends, counts as nothing said."""
    try:
        return max(0.0, float(headers.get("retry-after") or 0.0))
    except ValueError:
        return 0.0


def _note(request: Request, attempt: int, reason: str) -> None:
    """One line about an attempt that failed."""
    _log.warning(
        "ai_request_failed", provider="anthropic", kind=request.call, attempt=attempt + 1,
        error=reason,
    )  # fmt: skip
