"""One message to many listeners: once for each gateway, which hands it to each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from beheard_hub.link_messages import DeltaFrom
from beheard_hub.ports import GatewayPeer, Piece


class Ear(Protocol):
    """One connection that listens to one session."""

    peer: GatewayPeer
    sub: int
    user_id: str
    session_id: str


def by_peer(ears: Iterable[Ear]) -> Mapping[GatewayPeer, list[int]]:
    """Gateway → the numbers of its subscriptions."""
    groups: dict[GatewayPeer, list[int]] = {}
    for ear in ears:
        groups.setdefault(ear.peer, []).append(ear.sub)
    return groups


def tell(ears: Sequence[Ear], piece: Piece) -> None:
    """A piece of an answer, to listeners of one session."""
    for peer, subs in by_peer(ears).items():
        peer.send(
            DeltaFrom(
                subs, ears[0].session_id, piece.reply_to, piece.message_id, piece.index,
                piece.text, piece.reset, piece.lane,
            )
        )  # fmt: skip
