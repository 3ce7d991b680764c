"""What each command does: one function per command, grouped by topic.

A handler checks what its row in `protocol.COMMANDS` cannot say, changes facts, writes rows, and
returns the reply (a mapping; a function, where the reply depends on settled gates; a `Read`, a
`Work` or a `Refusal`). It refuses before it changes anything.
"""
