"""The pure heart: no I/O, no clock, no randomness, no await; imports nothing of the hub beside."""
