"""The pure heart: no I/O, no clock, no randomness, no await. Imports nothing of the hub outside itself."""
