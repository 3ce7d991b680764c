"""Vectors of stored texts: which rows have a text, and the worker that gives each its vector.

Hosts only say that there is new text (`hints.TellingFlushes`); what lacks a vector is looked up in
the database, so nothing that a host, a worker or Ray forgets is lost. Where the rows are is
`persistence.vectors`, what makes vectors is in `ai`, and `actors.embedding_actor` is the process.
"""
