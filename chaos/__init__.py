"""Processes die, freeze and stall under load, by named plans with a seed (spec 09, Reliability).

`python -m chaos --plan random --seed 7 --kills 50` starts a hub, lets pairs of people send without
a pause, strikes it again and again, and lays what every device sent and heard beside what Postgres
holds in the end (`tests.histories`). Whatever dies: nothing acked is lost, nothing is done twice.

    plans.py        the table: which faults, how many people, on which settings
    faults.py       what can happen to a hub, by name
    network.py      the cables between people and gateways, which can be cut and held
    people.py       who sends meanwhile
    practising.py   who practises beside them, watched and merged
    recorder.py     what each device sent and heard; stage_ear.py: those of practices
    judgement.py    the log beside the database; rehearsed.py: that of practices
    run.py          one run; report.py: its figures
    machines.py     a hub on several machines, struck; spread.py: that hub; machine.py: one of them
"""
