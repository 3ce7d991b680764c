"""The HTTP provider of embeddings, against a stand-in here that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from beheard_hub.ai.openai_embedding import OpenAiEmbedder, ProviderLimits
from beheard_hub.embeddings.vocabulary import DIMENSION, EmbeddingFailed

KEY, SECRET_TEXT = "sk-of-a-test", "canary of a text"
Answer = tuple[int, Mapping[str, str], Any]


class StandIn:
    """Answers each request by the next of `answers`, or well."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.answers: list[Answer] = []
        self.pauses: list[float] = []
        self.dimensions = 3

    async def sleep(self, seconds: float) -> None:
        """Notes a pause and takes none."""
        self.pauses.append(seconds)

    def embedder(self, **limits: Any) -> OpenAiEmbedder:
        """A provider that asks here."""
        return OpenAiEmbedder(self.url, "m-1", KEY, ProviderLimits(**limits), self.sleep)

    def vectors(self, texts: Sequence[str]) -> Answer:
        """The usual answer, in another order than it was asked."""
        data = [
            {"index": n, "object": "embedding", "embedding": [len(text), n + 1.0] + [0.0] * (
                self.dimensions - 2)}
            for n, text in enumerate(texts)
        ]  # fmt: skip
        return 200, {}, {"object": "list", "data": data[::-1], "model": "m-1", "usage": {}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connections of HTTP/1.1."""
        while head := await _head(reader):
            self.headers.append(head)
            length = int(head.lower().partition("content-length:")[2].partition("\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            self.requests.append(asked)
            status, headers, body = (
                self.answers.pop(0) if self.answers else self.vectors(asked["input"])
            )
            packed = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            shown = {"Content-Length": str(len(packed)), **headers}
            lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in shown.items()), "", ""]
            writer.write("\r\n".join(lines).encode() + packed)
            await writer.drain()
        writer.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


@pytest_asyncio.fixture
async def standin() -> AsyncIterator[StandIn]:
    """One stand-in."""
    found = StandIn()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
    yield found
    server.close()
    await server.wait_closed()


async def test_vectors_come_in_the_order_of_the_texts(standin: StandIn) -> None:
    found = await standin.embedder().vectors(["a", "bbbb"])
    assert found.dtype == np.float32
    assert np.allclose(found, [[2**-0.5, 2**-0.5, 0], [4 / 20**0.5, 2 / 20**0.5, 0]])
    [padded, _] = await standin.embedder().embed(["a", "bbbb"])
    assert len(padded) == DIMENSION
    assert standin.requests[0] == {"model": "m-1", "input": ["a", "bbbb"]}
    assert standin.headers[0].startswith("POST /v1/embeddings HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}" in standin.headers[0].lower()
    assert await standin.embedder().embed([]) == []


async def test_requests_have_bounds(standin: StandIn) -> None:
    found = await standin.embedder(texts_max=2).vectors(["a", "b", "c", "d", ""])
    assert [request["input"] for request in standin.requests] == [["a", "b"], ["c", "d"], ["."]]
    assert found.shape == (5, 3)
    standin.requests.clear()
    await standin.embedder(bytes_max=5).vectors(["aaa", "bbb", "c", "d" * 9])
    assert [request["input"] for request in standin.requests] == [
        ["aaa"], ["bbb", "c"], ["d" * 9],
    ]  # fmt: skip


async def test_it_tries_again_as_long_as_it_is_told(standin: StandIn) -> None:
    standin.answers = [(429, {"Retry-After": "7"}, {}), (503, {}, {}), (500, {}, "broken"),
                       (429, {"Retry-After": "9999"}, {})]  # fmt: skip
    assert (await standin.embedder().vectors(["a"])).shape == (1, 3)
    named, second, third, bounded = standin.pauses
    assert (named, bounded) == (7.0, 60.0)
    assert 0.5 <= second <= 1.0
    assert 1.0 <= third <= 2.0
    standin.answers = [(503, {}, {})] * 5
    with pytest.raises(EmbeddingFailed, match="HTTP 503"):
        await standin.embedder().vectors(["a"])
    assert not standin.answers


@pytest.mark.parametrize(("status", "refused"), [(400, True), (413, True), (401, False),
                                                 (403, False), (404, False)])  # fmt: skip
async def test_what_will_not_change_is_not_tried_again(
    standin: StandIn, status: int, refused: bool
) -> None:
    standin.answers = [(status, {}, {"error": {"message": f"{SECRET_TEXT} {KEY}"}})]
    with pytest.raises(EmbeddingFailed) as failed:
        await standin.embedder().vectors([SECRET_TEXT])
    assert failed.value.refused is refused
    assert standin.pauses == []
    shown = f"{failed.value!r} {failed.value.reason} {standin.embedder()!r}"
    assert SECRET_TEXT not in shown
    assert KEY not in shown


Wrong = Callable[[dict[str, Any]], object]
WRONG: Mapping[str, Wrong] = {
    "no json": lambda answer: "<html>",
    "another shape": lambda answer: {"vectors": []},
    "too few": lambda answer: {"data": answer["data"][:1]},
    "of another text": lambda answer: {"data": [{**row, "index": 5} for row in answer["data"]]},
    "ragged": lambda answer: {"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]},
    "zeros": lambda answer: {"data": [{"embedding": [0.0]}, {"embedding": [1.0]}]},
    "empty": lambda answer: {"data": [{"embedding": []}, {"embedding": []}]},
    "endless": lambda answer: '{"data": [{"embedding": [1e999]}, {"embedding": [1.0]}]}',
    "too long": lambda answer: {"data": [{"embedding": [1.0] * 1537}] * 2},
}


@pytest.mark.parametrize("name", WRONG)
async def test_no_other_answer_becomes_a_vector(standin: StandIn, name: str) -> None:
    _, _, good = standin.vectors(["a", "b"])
    standin.answers = [(200, {}, WRONG[name](good))]
    with pytest.raises(EmbeddingFailed):
        await standin.embedder().vectors(["a", "b"])


async def test_the_largest_vectors_are_taken(standin: StandIn) -> None:
    standin.dimensions = DIMENSION
    assert (await standin.embedder().vectors(["a"])).shape == (1, DIMENSION)


async def test_a_server_that_says_nothing_is_given_up(standin: StandIn) -> None:
    release = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    standin.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(EmbeddingFailed, match="ReadTimeout"):
        await standin.embedder(timeout_seconds=0.05, attempts_max=2).vectors(["a"])
    assert len(standin.pauses) == 1
    release.set()
    server.close()
    await server.wait_closed()
    with pytest.raises(EmbeddingFailed, match="ConnectError"):
        await standin.embedder(attempts_max=1).vectors(["a"])
