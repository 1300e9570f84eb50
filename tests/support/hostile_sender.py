"""What a hijacked PC runs in place of rsync: speaks rsync's protocol 29 itself and keeps to nothing else.

Started as ``python hostile_sender.py PLAN …``; PLAN is a JSON file, what follows is ignored. What the plan
says is sent after the greeting: entries of the file list, messages, raw bytes. Then it answers every request
with what the plan calls ``answer``, or falls silent until the other side leaves.
"""

import json
import os
import select
import struct
import sys
from typing import Any

PROTOCOL = 29
MPLEX_BASE = 7
DATA = 0
EXTENDED, LONG_NAME = 0x04, 0x40
GOODBYE = 1.5


def send(raw: bytes) -> None:
    """Write it all."""
    while raw:
        raw = raw[os.write(1, raw) :]


def message(kind: int, text: bytes) -> None:
    """One multiplexed message."""
    while True:
        part, text = text[:0xFFFF], text[0xFFFF:]
        send(struct.pack("<I", ((MPLEX_BASE + kind) << 24) | len(part)) + part)
        if not text:
            return


def number(value: int) -> bytes:
    """A long as protocol 29 writes it."""
    if 0 <= value < 2**31:
        return struct.pack("<I", value)
    return struct.pack("<I", 0xFFFFFFFF) + struct.pack("<Q", value & (2**64 - 1))


def entry(one: dict[str, Any]) -> bytes:
    """One entry of the file list, every field written out."""
    name = bytes.fromhex(one["name"])
    raw = (
        struct.pack("<H", EXTENDED | LONG_NAME) + struct.pack("<I", one.get("name_length", len(name))) + name
    )
    raw += number(one.get("size", 5)) + struct.pack("<I", one.get("mtime", 1_700_000_000) & 0xFFFFFFFF)
    raw += struct.pack("<III", one.get("mode", 0o100644), one.get("uid", 0), one.get("gid", 0))
    if "device" in one:
        raw += struct.pack("<II", *one["device"])
    if "target" in one:
        target = bytes.fromhex(one["target"])
        raw += struct.pack("<I", len(target)) + target
    return raw


def main(path: str) -> None:
    """Play the sender."""
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    os.set_blocking(1, True)  # rsync gives a socket that it does not wait for
    send(struct.pack("<I", plan.get("protocol", PROTOCOL)) + struct.pack("<I", 1))
    for kind, text in plan.get("messages", ()):
        message(kind, bytes.fromhex(text))
    if "entries" in plan:
        listed = b"".join(map(entry, plan["entries"]))
        listed += b"" if "endless" in plan else b"\0" + struct.pack("<I", plan.get("io_error", 0))
        message(DATA, listed)
    while "endless" in plan:  # the list goes on until the other side has had enough
        message(DATA, entry(plan["endless"]) * 500)
    for kind, text in plan.get("after", ()):
        message(kind, bytes.fromhex(text))
    send(bytes.fromhex(plan.get("raw", "")))
    answer = bytes.fromhex(plan.get("answer", ""))
    while select.select([0], [], [], GOODBYE)[0] and os.read(0, 65536):
        if answer:
            message(DATA, answer)
        elif "raw" in plan:
            return


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (BrokenPipeError, ConnectionError):
        sys.exit(0)
