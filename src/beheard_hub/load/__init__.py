"""Load on a running hub: pairs who send, crowds who only listen, readers that stall, storms of
reconnects; and what all of it took. `beheard load` and `beheard bench` are its commands, and the
benches of this repository send with the same phones.

    wire.py     a bare websocket, so that the generator is not what is measured
    pairs.py    phones and pairs, commands at a rate or as many as go
    idle.py     connections that listen, stall, and come back when they are lost
    phases.py   what a run does, one phase after the other
    report.py   the figures as a table, a page and JSON
    speed.py    the same on a throw-away hub, beside the bars of the quality table
"""
