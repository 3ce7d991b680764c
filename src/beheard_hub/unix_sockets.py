"""Where a unix socket lies: in its folder, or in a short one of its own if the kernel wants that.

Only our own user may enter either.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

PATH_BYTES_MAX = 100
"""The kernel takes 107."""
SHORT = "beheard-"


def place(folder: Path, name: str) -> Path:
    """A path for a socket at which nothing is. Raises OSError."""
    path = folder / name
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        path = Path(tempfile.mkdtemp(prefix=SHORT)) / name
    else:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def remove(path: Path) -> None:
    """Takes a socket away, and the folder that was made for it alone."""
    path.unlink(missing_ok=True)
    if path.parent.name.startswith(SHORT) and path.parent.parent == Path(tempfile.gettempdir()):
        with contextlib.suppress(OSError):
            path.parent.rmdir()
