"""When Python looks for cycles of dead objects in a process that serves people.

A collection stops the process for about a microsecond per object that it looks at. With Python's
own settings one host that writes 500 answers stood still for 100 to 200 ms whenever a quarter more
objects had come, a gateway for as long again over its libraries, and both for 20 ms in between.
"""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 700
"""Python's own number: a look at the youngest takes less than a millisecond."""
YOUNG_LOOKS = 3
"""Then those that outlived them: a few thousand objects, not the twenty thousand of ten looks."""
MIDDLE_LOOKS = 50
"""Then all. What waits for it are the cycles of ended connections and answers, tens of megabytes
at most; nearly everything else goes without any collection."""


def settle() -> None:
    """To be called once everything that stays for good is loaded: it is never looked at again."""
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_LOOKS, MIDDLE_LOOKS)
    gc.collect()
    gc.freeze()
