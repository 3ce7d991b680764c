"""Weakenings of the hub's walls, each of which a test must notice: `make mutants`."""
