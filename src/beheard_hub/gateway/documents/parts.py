"""All sections of the documents, beside mediation's own tables."""

from __future__ import annotations

from beheard_hub.gateway.documents.belonging import BELONGING
from beheard_hub.gateway.documents.counting import COUNTING
from beheard_hub.gateway.documents.inviting import INVITING
from beheard_hub.gateway.documents.observing import OBSERVING
from beheard_hub.gateway.documents.practising import PRACTISING
from beheard_hub.gateway.documents.sections import merged
from beheard_hub.gateway.documents.setting_up import SETTING_UP

OTHERS = merged((BELONGING, PRACTISING, OBSERVING, INVITING, SETTING_UP, COUNTING))
"""They as one."""
