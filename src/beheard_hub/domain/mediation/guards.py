"""Questions about a state that tables refer to: pure predicates, one sentence each.

The first group are causes of gates: ``(state, own seat, partner's seat) → bool``. They look at
facts only, never at stored gates, so that a gate is true exactly when its cause is in the history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from beheard_hub.domain.limits import OVERLAP_RANKS
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.mediation.vocabulary import (
    AGREED,
    COLLECTING,
    DENIED,
    EVENT_SUMMARY,
    FEEDBACK,
    RANKING,
)

Cause: TypeAlias = Callable[[State, Seat, Seat | None], bool]

# ---- causes of gates


def draft_is_ready(state: State, own: Seat, partner: Seat | None) -> bool:
    """The own draft was marked ready to share."""
    return own.draft is not None and own.draft.ready


def attempt_is_consented(state: State, own: Seat, partner: Seat | None) -> bool:
    """The own newest attempt may be seen."""
    return own.active_attempt is not None


def partner_validated(state: State, own: Seat, partner: Seat | None) -> bool:
    """The partner feels understood by my newest attempt, or I accepted the difference."""
    newest = own.newest_attempt
    if own.feedback_accepted_at is not None:
        return True
    if newest is None or partner is None or newest.id not in partner.validations:
        return False
    return partner.validations[newest.id].validated


def a_need_is_confirmed(state: State, own: Seat, partner: Seat | None) -> bool:
    """At least one own need was confirmed."""
    return any(need.confirmed for need in own.needs.values())


def partner_shared_a_need(state: State, own: Seat, partner: Seat | None) -> bool:
    """The partner confirmed needs and lets me see at least one of them."""
    return (
        partner is not None
        and a_need_is_confirmed(state, partner, own)
        and bool(state.shared_needs(partner.user_id))
    )


def common_ground_stands(state: State, own: Seat, partner: Seat | None) -> bool:
    """Both confirmed the same item, and what it stands on has not been taken back."""
    return any(item.final for item in state.common_ground.values())


def ideas_are_in(state: State, own: Seat, partner: Seat | None) -> bool:
    """The user said that no further idea of theirs will come, in some round."""
    return own.ready_round is not None


def ranking_is_in(state: State, own: Seat, partner: Seat | None) -> bool:
    """The user ranked, in some round."""
    return own.ranking is not None


def overlap_is_known(state: State, own: Seat, partner: Seat | None) -> bool:
    """Both rankings of some round were compared."""
    return state.round > 1 or state.phase not in (COLLECTING, RANKING)


def agreement_stands(state: State, own: Seat, partner: Seat | None) -> bool:
    """There is an agreement that both agreed to."""
    return any(a.status == AGREED and a.by_a and a.by_b for a in state.agreements.values())


# ---- questions that commands ask


def feedback_consent(seat: Seat, validation_id: str) -> str | None:
    """The consent by which the seat's feedback of that validation was last shared."""
    found = None
    for key, consent in seat.consents.items():
        if (
            consent.content_type == EVENT_SUMMARY
            and consent.kind == FEEDBACK
            and consent.target_id == validation_id
            and consent.decision not in (None, DENIED)
        ):
            found = key
    return found


def feedback_came(own: Seat, partner: Seat | None) -> bool:
    """Feedback on my newest attempt was shared with me, though it may be taken back by now."""
    newest = own.newest_attempt
    if newest is None or partner is None or newest.id not in partner.validations:
        return False
    return feedback_consent(partner, partner.validations[newest.id].id) is not None


def draft_is_open(own: Seat, partner: Seat | None) -> bool:
    """Whether the draft may be written: until consent, and again after shared feedback or after
    taking the attempt back; closed by the partner's yes and by accepting the difference."""
    newest = own.active_attempt
    if newest is None:
        return True
    said = partner.validations.get(newest.id) if partner is not None else None
    if own.feedback_accepted_at is not None or said is None or said.validated:
        return False
    return feedback_came(own, partner)


def overlap_ids(state: State) -> list[str]:
    """Strategies in both users' top ranks of the round, lowest sum of ranks first, ties by id."""
    tops = [seat.ranking.ids[:OVERLAP_RANKS] for seat in state.seats if seat.ranking is not None]
    if len(tops) < 2:
        return []
    pool = state.pool
    both = [key for key in tops[0] if key in tops[1] and key in pool]
    return sorted(both, key=lambda key: (tops[0].index(key) + tops[1].index(key), key))
