"""Ray's dashboard, where it is switched on: shut without its token, telling, and nothing private.

Whoever may use it runs code as the hub, so it is refused too where Ray was told to ask nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import ray

from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.actors.session_host import HostOrder
from beheard_hub.actors.supervisor import Supervisor
from beheard_hub.settings import SetupError, process_environment

PAGES = (
    "/api/version",
    "/api/v0/actors?detail=true",
    "/api/v0/tasks?detail=true",
    "/api/v0/workers?detail=true",
    "/logical/actors",
    "/nodes?view=summary",
    "/api/jobs/",
    "/api/cluster_status",
)
SESSION, SECRET = "canary-session-4711", "canary-secret-0815"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dashboard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Its address, with one host that holds a session."""
    await start_ray(RayOptions(cpus=1, dashboard_port=0), process_environment())
    order = HostOrder(
        factory="tests.unit.actors.test_supervisor:toy_host",
        runtime=[SESSION],
        secret=SECRET,
        folder=str(tmp_path_factory.mktemp("links")),
    )
    supervisor = Supervisor(order, 1)
    try:
        await supervisor.start()
        yield f"http://{ray.worker.get_dashboard_url()}"
        await supervisor.stop()
    finally:
        await stop_ray()


@pytest.fixture
def token() -> dict[str, str]:
    """What Ray made for whoever started it."""
    kept = process_environment().get("RAY_AUTH_TOKEN_PATH")
    path = Path(kept) if kept else Path.home() / ".ray" / "auth_token"
    return {"authorization": f"Bearer {path.read_text().strip()}"}


@pytest.mark.asyncio(loop_scope="module")
async def test_without_the_token_every_page_is_refused(dashboard: str) -> None:
    async with httpx.AsyncClient(base_url=dashboard) as client:
        wrong = {"authorization": "Bearer wrong"}
        got = {page: (await client.get(page)).status_code for page in PAGES}
        assert got == dict.fromkeys(PAGES, 401)
        got = {page: (await client.get(page, headers=wrong)).status_code for page in PAGES}
        assert got == dict.fromkeys(PAGES, 403)
        sent = await client.post("/api/jobs/", json={"entrypoint": "id"})
        assert sent.status_code == 401


@pytest.mark.asyncio(loop_scope="module")
async def test_it_listens_on_loopback_only(dashboard: str) -> None:
    assert dashboard.startswith("http://127.0.0.1:")


@pytest.mark.asyncio(loop_scope="module")
async def test_it_names_hosts_and_shows_nothing_private(
    dashboard: str, token: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=dashboard, headers=token, timeout=30.0) as client:
        texts = {page: (await client.get(page)).raise_for_status().text for page in PAGES}
    for name in ("SessionHost-0", "SessionHost(number=0)"):
        assert name in texts["/logical/actors"]
    for page, text in texts.items():
        assert SESSION not in text, page
        assert SECRET not in text, page


async def test_a_dashboard_that_asks_nobody_is_not_opened() -> None:
    with pytest.raises(SetupError, match="RAY_AUTH_MODE=disabled"):
        await start_ray(RayOptions(dashboard_port=0), {"RAY_AUTH_MODE": "disabled"})
