"""The session core and the flush path in a world where everything outside is simulated.

One thread, one loop, virtual time: a run is a function of its seed. The code is the real one (Host,
WriteBehind, Placement, Subscriptions, the gateway's Router, the mediation kind); the network, the
database, the clocks and the people are ours. Hosts and gateways are *processes* of the loop, which
can be killed between two steps and frozen for a while. What came of it is a `History`, judged by
`tests.histories`.

    python -m tests.simulation --seed 7       plays one seed and prints its history
    python -m tests.simulation --seeds 1000   plays many, and names those that break a promise
"""
