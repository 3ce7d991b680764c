"""What the hub needs from outside, as protocols. Adapters live in `persistence`, `ai`, `links`,
`push`; a fake of every port lives in `testing` and passes the same suite."""

from __future__ import annotations

from beheard_hub.domain.kernel import Ids
from beheard_hub.facilitation import (
    Bundle,
    Clarification,
    CommonItem,
    Delta,
    DraftCheck,
    Embedder,
    Facilitator,
    FacilitatorFailed,
    Item,
    Need,
    Piece,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
    Usage,
)
from beheard_hub.ports.hosting import Clock, Mailbox, Reactions, Renderer, Sleep, StateView
from beheard_hub.ports.identity import (
    Accounts,
    Exports,
    Identities,
    Identity,
    Known,
    Linked,
    Proof,
    Proven,
    Register,
    Unauthenticated,
)
from beheard_hub.ports.lines import (
    GatewayPeer,
    HostEndpoint,
    HostLink,
    LinkClosed,
    LinkDialer,
    Routing,
)
from beheard_hub.ports.stores import (
    Actor,
    DueReminder,
    Fenced,
    FlushStore,
    HostEntry,
    Lease,
    LeaseStore,
    OutcomeUnknown,
    ReadStore,
    RoutingTable,
    RowRefused,
    SessionStore,
    StoredEvent,
    StoredReceipt,
    StoreUnavailable,
)

__all__ = [
    "Accounts", "Actor", "Bundle", "Clarification", "Clock", "CommonItem", "Delta", "DraftCheck",
    "DueReminder", "Embedder", "Exports", "Facilitator", "FacilitatorFailed", "Fenced",
    "FlushStore", "GatewayPeer", "HostEndpoint", "HostEntry", "HostLink", "Identities",
    "Identity", "Ids", "Item", "Known", "Lease", "LeaseStore", "LinkClosed", "LinkDialer",
    "Linked", "Mailbox", "Need", "OutcomeUnknown", "Piece", "Proof", "Proven", "Reactions",
    "ReadStore", "Register", "Renderer", "Routing", "RoutingTable", "RowRefused", "SessionStore",
    "SharedNeed", "Sleep", "Spoken", "StateView", "StoreUnavailable", "StoredEvent",
    "StoredReceipt", "Suggestion", "Synthesis", "Transformation", "Unauthenticated", "Usage",
]  # fmt: skip
