"""What all examples are made of. They tell of one quarrel: Alice and Bob, who share a flat, about
the dishes."""

from __future__ import annotations

AT = "2026-03-02T18:40:12.345678Z"
LATER = "2026-03-09T18:40:12.345678Z"
ALICE = "0195b1f0-6c1e-7a55-9d0c-4f6a2b1c8e01"
BOB = "0195b1f0-7d2f-7b66-8e1d-5a7b3c2d9f02"
SESSION = "0195b1f4-0aa1-7c10-a1b2-c3d4e5f60718"
THING = "0195b203-51c7-7d21-b2c3-d4e5f6071829"
CONSENT = "0195b20a-9e44-7e32-83d4-e5f60718293a"
INVITATION = "7b0a4a52-3f0e-4c6b-9a46-1d2f8c7e6b5a"
CURSOR = "MjAyNi0wMy0wMlQxODo0MDoxMi4zNDU2NzgrMDA6MDB8MDE5NWIyMDM"
NEED = "Being noticed"
