"""The naive design, kept as the baseline of spec 09.

One Ray actor per session, one Ray call and one commit per command. It decides with the same domain
code and writes the same rows by the same `hub.flush` under the same policies; what it lacks is
batching, links and the gateway's checks.
"""
