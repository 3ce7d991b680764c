"""What happened to a hub, as a plain log, and the judgement of it (spec 09, Reliability).

Clients write down every command, answer, event and snapshot with its time; at the end the log is
laid beside what is stored. `checks.violations` is pure and knows nothing of where a log comes from:
the simulation makes logs in virtual time, other runs make them against a real hub. What only one of
the two can know (when a row was committed, who owned a shard then) is optional.

An answer that never came is an unknown outcome: the command may have happened or not, but never
twice. A client marks what it sends: the text of a command is its id, so that its effects can be
counted in the stored rows.
"""
