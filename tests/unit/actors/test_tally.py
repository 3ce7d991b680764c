"""Where the gateways of one user meet."""

from __future__ import annotations

from beheard_hub.actors.host import Host
from beheard_hub.actors.tally import Tally
from beheard_hub.link_messages import ElsewhereFrom, HereTo, ToGateway
from tests.unit.actors.world import Peer


class Line:
    """A gateway that keeps what it is told."""

    def __init__(self, gateway_id: str) -> None:
        self.gateway_id = gateway_id
        self.told: list[ToGateway] = []

    def send(self, message: ToGateway) -> None:
        self.told.append(message)

    def news(self) -> list[ToGateway]:
        told, self.told = self.told, []
        return told


def test_a_user_on_one_gateway_costs_no_answer() -> None:
    tally, one = Tally(), Line("g1")
    for connections in (1, 2, 1, 0, None):
        tally.heard(one, HereTo("ann", connections))
    assert one.told == []
    assert len(tally) == 0


def test_only_who_adds_a_connection_is_answered_and_all_others_are_told() -> None:
    tally, one, two = Tally(), Line("g1"), Line("g2")
    tally.heard(one, HereTo("ann", 3))
    tally.heard(two, HereTo("ann", 1))
    assert one.news() == [ElsewhereFrom("ann", 1, 1)]
    assert two.news() == [ElsewhereFrom("ann", 3, 1, asked=True)]
    tally.heard(one, HereTo("ann", 2))
    assert one.news() == []
    assert two.news() == [ElsewhereFrom("ann", 2, 1)]
    tally.heard(two, HereTo("bob", 1))
    assert one.news() == two.news() == []


def test_what_is_spent_goes_to_the_others_once() -> None:
    tally, lines = Tally(), [Line(f"g{n}") for n in range(3)]
    for line in lines:
        tally.heard(line, HereTo("ann", 1))
    for line in lines:
        line.news()
    tally.heard(lines[0], HereTo("ann", 1, {"": 4}, {"message.send": 2.5}))
    assert lines[0].news() == []
    told = ElsewhereFrom("ann", 2, 2, {"": 4}, {"message.send": 2.5})
    assert [line.news() for line in lines[1:]] == [[told], [told]]
    tally.heard(lines[0], HereTo("ann", 1))
    assert [line.news() for line in lines] == [[], [], []]


def test_a_gateway_that_goes_takes_its_connections_with_it() -> None:
    tally, one, two = Tally(), Line("g1"), Line("g2")
    for user in ("ann", "bob"):
        tally.heard(one, HereTo(user, 2))
        tally.heard(two, HereTo(user, 1))
    one.news()
    tally.heard(two, HereTo("bob", None))
    assert one.news() == [ElsewhereFrom("bob", 0, 0)]
    tally.detached(two)
    assert one.news() == [ElsewhereFrom("ann", 0, 0)]
    tally.detached(one)
    assert len(tally) == 0


def test_a_host_listens_to_gateways_until_their_line_ends(host: Host, peer: Peer) -> None:
    second = Peer(host, "second")
    host.received(peer, HereTo("ann", 1))
    host.received(second, HereTo("ann", 1))
    assert peer.of(ElsewhereFrom) == [ElsewhereFrom("ann", 1, 1)]
    host.detached(second)
    assert peer.of(ElsewhereFrom)[1:] == [ElsewhereFrom("ann", 0, 0)]
