"""A stand-in for Ably's REST API, for tests and for trying the hub without an account (spec 07).

It speaks what the official SDK uses here: ``POST /keys/{name}/requestToken`` (the SDK sends no key
over plain HTTP, so it asks for a token first; the signature is checked), ``POST
/channels/{name}/messages`` and ``POST /push/publish``, in MessagePack and in JSON. Two things it
does that the real one does not: it keeps every request with its raw body (`recording.py`), and it
fails when it is told to (`faults.py`).

    api = AblyApi(key)
    async with served(api) as url:
        rule = api.script("push", FAULTS["unavailable"], forever=True)
        ...
        rule.stop()
        assert api.pushed[0].body["recipient"] == {...}

`python -m beheard_hub.testing.ably_api --port 0` starts it alone and prints its address.
"""

from beheard_hub.testing.ably_api.app import AblyApi
from beheard_hub.testing.ably_api.faults import FAULTS, Break, Fault, Rule
from beheard_hub.testing.ably_api.recording import Request
from beheard_hub.testing.serving import served

__all__ = ["FAULTS", "AblyApi", "Break", "Fault", "Request", "Rule", "served"]
