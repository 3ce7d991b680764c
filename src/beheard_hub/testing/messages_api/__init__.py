"""A stand-in for the Messages API, for tests, benches and the evaluation (spec 06).

It speaks what the official SDK expects on ``POST /v1/messages`` (JSON, and server-sent events in
the real order) and ``POST /v1/messages/count_tokens``. Three things it does that the real one does
not: it records every request body (`recording.py`), it fails when it is told to (`faults.py`), and
where nothing is told it answers by rule from the data in the request (`answers.py`), so that a
whole journey plays to its end and the same request always gets the same answer.

    api = MessagesApi()
    async with served(api) as url:
        rule = api.script("stage1", OVERLOADED, containing="a word of this test")
        ...
        assert rule.requests[0].body["stream"]

`python -m beheard_hub.testing.messages_api --port 0` starts it alone and prints its address.
"""

from beheard_hub.testing.messages_api.app import MessagesApi
from beheard_hub.testing.messages_api.faults import FAULTS, Break, Fault, Hold, Rule
from beheard_hub.testing.messages_api.recording import Request
from beheard_hub.testing.messages_api.wire import Pace
from beheard_hub.testing.serving import served

__all__ = ["FAULTS", "Break", "Fault", "Hold", "MessagesApi", "Pace", "Request", "Rule", "served"]
