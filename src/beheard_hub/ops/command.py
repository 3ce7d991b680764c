"""Where `beheard ops` looks, and how often.

With the data directory of a hub it reads the files of numbers that the hub's processes write, so it
works also when no gateway answers. With a URL it asks a gateway for `/metrics`, from anywhere.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
from rich.console import Console
from rich.live import Live

from beheard_hub.address import ADDRESS_FILE, Address
from beheard_hub.observability import publishing
from beheard_hub.observability.findings import findings
from beheard_hub.observability.overview import Overview, overview
from beheard_hub.observability.reading import Reading, Window
from beheard_hub.ops.screen import frame, picture
from beheard_hub.settings import SetupError

LOOK_SECONDS = 2.0
"""The numbers are written anew every two seconds."""
WINDOW_SECONDS = 30.0
ONCE_SECONDS = 5.0
"""Length of the window of a single frame."""
ANSWER_SECONDS_MAX = 5.0
WIDTH_PICTURE = 124

Look = Callable[[], str]
"""The page as it is now. Raises SetupError."""


def files_of(data_dir: Path) -> Look:
    """The page of the hub, or the gateway on its own, that serves from a data directory of this
    machine."""

    def look() -> str:
        page = publishing.page(publishing.folder(data_dir), time.time()).decode()
        if not page and not _hub_serves(data_dir):
            raise SetupError(
                f"No hub serves from {data_dir}.",
                "Name its data directory with --data-dir, or its address with --url.",
            )
        return page

    return look


def _hub_serves(data_dir: Path) -> bool:
    try:
        msgspec.json.decode((data_dir / ADDRESS_FILE).read_bytes(), type=Address)
    except (OSError, msgspec.DecodeError):
        return False
    return True


def page_of(url: str, token: str | None) -> Look:
    """The page that a gateway shows."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/')}/metrics"

    def look() -> str:
        try:
            answer = httpx.get(address, headers=headers, timeout=ANSWER_SECONDS_MAX)
        except (httpx.HTTPError, httpx.InvalidURL) as wrong:
            raise SetupError(f"{address} does not answer: {type(wrong).__name__}.") from None
        if answer.status_code != httpx.codes.OK:
            raise SetupError(
                f"{address} answers {answer.status_code}.",
                "From another machine it needs the hub's BEHEARD_METRICS_TOKEN.",
            )
        return answer.text

    return look


class Watch:
    """Looks that follow each other, and the window that they make."""

    def __init__(self, look: Look, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._readings: deque[Reading] = deque()

    def take(self) -> Overview:
        """One look more. Raises SetupError."""
        text = self._look()
        now = self._clock()
        try:
            self._readings.append(Reading.of(text, now))
        except ValueError:
            raise SetupError("What answers there is no page of numbers of a hub.") from None
        while now - self._readings[0].at > WINDOW_SECONDS:
            self._readings.popleft()
        return overview(Window(self._readings[0], self._readings[-1]))


def watch(look: Look, source: str) -> None:
    """Shows frame after frame until Ctrl-C. A hub that is away for a while does not end it."""
    taking = Watch(look)
    shown = taking.take()
    with Live(auto_refresh=False, screen=True) as live:
        for away in _frames(taking):
            shown = away if isinstance(away, Overview) else shown
            says = source if isinstance(away, Overview) else f"{source}  AWAY: {away}"
            width = live.console.width
            live.update(frame(shown, findings(shown), says, width), refresh=True)


def _frames(taking: Watch) -> Iterator[Overview | str]:
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            yield taking.take()
        except SetupError as wrong:
            yield wrong.sentence


def once(look: Look, source: str, *, as_json: bool, svg: Path | None) -> None:
    """One frame of the next seconds: on the terminal, as JSON, or as a picture too."""
    taking = Watch(look)
    taking.take()
    time.sleep(ONCE_SECONDS)
    view = taking.take()
    found = findings(view)
    if as_json:
        whole = {"source": source, **msgspec.to_builtins(view), "findings": found}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(whole)).decode() + "\n")
        return
    console = Console(highlight=False)
    console.print(frame(view, found, source, console.width))
    if svg is not None:
        svg.write_text(picture(frame(view, found, source, WIDTH_PICTURE), WIDTH_PICTURE))
