"""Lets one system user pass through directories that are closed to others.

Postgres refuses to run as root, so a hub that runs as root starts it as another user. That user
must reach the data directory and the server's own files, both often below a directory that only
root may enter (a home, a temporary folder). Rather than open such a directory to everybody, one
entry in its access list lets this user, and nobody else, pass through; it may not list it.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

ACL = "system.posix_acl_access"
VERSION = 2
OWNER, USER, OWNING_GROUP, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF
EXECUTE = 0o1

Entries = dict[tuple[int, int], int]
"""(tag, id) → permission bits: the access list of Linux's acl(5)."""


class NoPassage(Exception):
    """A directory cannot be opened for the user; `path` says which."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def let_pass(path: Path, uid: int, gid: int) -> None:
    """Lets user `uid` pass through every parent of `path`. Raises NoPassage."""
    for parent in reversed(path.absolute().parents):
        if not may_pass(parent, uid, gid):
            try:
                _grant(parent, uid)
            except (OSError, AttributeError) as wrong:  # no access lists here
                raise NoPassage(parent) from wrong


def may_pass(directory: Path, uid: int, gid: int) -> bool:
    """Whether the user may enter the directory, by its access list or else its mode."""
    entries = _read(directory)
    found = directory.stat()
    mask = entries.get((MASK, NO_ID), 0o7)
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if (USER, uid) in entries:
        return bool(entries[USER, uid] & mask & EXECUTE)
    if found.st_gid == gid:
        return bool(entries[OWNING_GROUP, NO_ID] & mask & EXECUTE)
    return bool(entries[OTHERS, NO_ID] & EXECUTE)


def _grant(directory: Path, uid: int) -> None:
    entries = _read(directory)
    entries[USER, uid] = entries.get((USER, uid), 0) | EXECUTE
    group_class = [bits for (tag, _), bits in entries.items() if tag in (USER, OWNING_GROUP, GROUP)]
    mask = entries.get((MASK, NO_ID))
    if mask is None:
        mask = 0
        for bits in group_class:
            mask |= bits
    entries[MASK, NO_ID] = mask | EXECUTE
    os.setxattr(directory, ACL, _packed(entries))


def _read(directory: Path) -> Entries:
    try:
        packed = os.getxattr(directory, ACL)
    except (OSError, AttributeError) as wrong:
        if isinstance(wrong, OSError) and wrong.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise
        mode = directory.stat().st_mode
        return {
            (OWNER, NO_ID): mode >> 6 & 7,
            (OWNING_GROUP, NO_ID): mode >> 3 & 7,
            (OTHERS, NO_ID): mode & 7,
        }
    return dict(_unpacked(packed))


def _unpacked(packed: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    for tag, bits, number in struct.iter_unpack("<HHI", packed[4:]):
        yield (tag, number), bits


def _packed(entries: Mapping[tuple[int, int], int]) -> bytes:
    body = b"".join(
        struct.pack("<HHI", tag, bits, number) for (tag, number), bits in sorted(entries.items())
    )
    return struct.pack("<I", VERSION) + body
