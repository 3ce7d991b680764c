"""A gateway that died comes back, whatever goes wrong on the way."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from beheard_hub import gateway_processes
from beheard_hub.gateway_processes import GatewayOrder, GatewayProcess
from beheard_hub.runtime import Runtime
from beheard_hub.settings import SetupError


async def test_a_restart_is_tried_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: Iterator[Exception] = iter(
        [SetupError("no port"), BrokenPipeError(), OSError("no process")]
    )
    launched: list[bool] = []

    async def launch(_: GatewayProcess) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        launched.append(True)

    monkeypatch.setattr(gateway_processes, "RESTART_SECONDS", 0.0)
    monkeypatch.setattr(GatewayProcess, "_launch", launch)
    order = GatewayOrder(Runtime({}, "", "", ""), "127.0.0.1", 0)
    await GatewayProcess(order)._relaunch()
    assert launched == [True]


async def test_a_port_that_somebody_listens_on_is_not_shared() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(
            SetupError, match=r"cannot be used: Address already in use\..*BEHEARD_PORT"
        ):
            gateway_processes.check_free("127.0.0.1", other.getsockname()[1])
    gateway_processes.check_free("127.0.0.1", 0)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(SetupError, match=r"cannot be used.*BEHEARD_HOST=192\.0\.2\.200"):
        gateway_processes.check_free("192.0.2.200", 0)
