"""What a hijacked PC runs in place of rsync: speaks rsync's protocol 29 itself and keeps to nothing else.

Started as ``python hostile_sender.py PLAN …``; PLAN is a JSON file, what follows is ignored. What the plan
says is sent after the greeting: entries of the file list, messages, raw bytes. Then it sends ``content`` for
every file that is asked for, as an honest sender does to the end, or one after the other what ``contents``
holds, and before that ``unasked``: pairs of a file's number and content. Or it answers every request with
what the plan calls ``answer``; or it falls silent until the other side leaves.
"""

import json
import os
import select
import struct
import sys
from typing import Any

import xxhash

PROTOCOL = 29
MPLEX_BASE = 7
DATA = 0
EXTENDED, LONG_NAME = 0x04, 0x40
GOODBYE = 1.5
DONE, PHASES, STATISTICS = -1, 3, 5
BASIS_FOLLOWS, NAME_FOLLOWS, TRANSFER = 1 << 11, 1 << 12, 1 << 15
CHUNK = 32 * 1024
"""The most that one literal of an uncompressed transfer holds."""


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


def entry(one: dict[str, Any], owners: bool = True) -> bytes:
    """One entry of the file list, every field written out; ``owners`` if they were asked for."""
    name = bytes.fromhex(one["name"])
    raw = (
        struct.pack("<H", EXTENDED | LONG_NAME) + struct.pack("<I", one.get("name_length", len(name))) + name
    )
    raw += number(one.get("size", 5)) + struct.pack("<I", one.get("mtime", 1_700_000_000) & 0xFFFFFFFF)
    raw += struct.pack("<I", one.get("mode", 0o100644))
    if owners:
        raw += struct.pack("<II", one.get("uid", 0), one.get("gid", 0))
    if "device" in one:
        raw += struct.pack("<II", *one["device"])
    if "target" in one:
        target = bytes.fromhex(one["target"])
        raw += struct.pack("<I", len(target)) + target
    return raw


def heard(size: int) -> bytes:
    """So many bytes of what the other side says. Raises ConnectionError when it has left."""
    said = b""
    while len(said) < size:
        part = os.read(0, size - len(said))
        if not part:
            raise ConnectionError
        said += part
    return said


def heard_number() -> int:
    return int(struct.unpack("<i", heard(4))[0])


def serve(contents: list[bytes], unasked: list[tuple[int, str]]) -> None:
    """Answer as rsync 2.6.4 and newer do: each file that is asked for gets these, without a basis."""
    heard_number()  # its protocol
    while rule := heard_number():
        heard(rule)
    for index, text in unasked:
        transfer(struct.pack("<iH", index, TRANSFER), bytes.fromhex(text))
    for _ in range(PHASES):
        while (index := heard_number()) != DONE:
            answer_request(index, contents)
        message(DATA, struct.pack("<i", DONE))
    message(DATA, b"".join(number(0) for _ in range(STATISTICS)))
    heard_number()  # its farewell


def answer_request(index: int, contents: list[bytes]) -> None:
    """One path: an item that is only told goes back as it came."""
    (flags,) = struct.unpack("<H", heard(2))
    more = heard(1) if flags & BASIS_FOLLOWS else b""
    if flags & NAME_FOLLOWS:
        length = heard(1)
        if length[0] & 0x80:
            length += heard(1)
            more += length + heard((length[0] & 0x7F) * 256 + length[1])
        else:
            more += length + heard(length[0])
    head = struct.pack("<iH", index, flags) + more
    if not flags & TRANSFER:
        message(DATA, head)
        return
    sums = heard(16)
    count, _, size, _ = struct.unpack("<iiii", sums)
    heard(count * (4 + size))
    for content in contents:
        transfer(head, content)


def transfer(head: bytes, content: bytes) -> None:
    """One file, all of it literally."""
    message(DATA, head + struct.pack("<iiii", 0, 0, 0, 0))
    for start in range(0, len(content), CHUNK):
        part = content[start : start + CHUNK]
        message(DATA, struct.pack("<i", len(part)) + part)
    digest = xxhash.xxh3_128_intdigest(content)
    message(DATA, struct.pack("<i", 0) + digest.to_bytes(16, "little"))


def main(path: str) -> None:
    """Play the sender."""
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    os.set_blocking(1, True)  # rsync gives a socket that it does not wait for
    send(struct.pack("<I", plan.get("protocol", PROTOCOL)) + struct.pack("<I", 1))
    for kind, text in plan.get("messages", ()):
        message(kind, bytes.fromhex(text))
    if "entries" in plan:
        listed = b"".join(entry(one, plan.get("owners", True)) for one in plan["entries"])
        listed += b"" if "endless" in plan else b"\0" + struct.pack("<I", plan.get("io_error", 0))
        message(DATA, listed)
    while "endless" in plan:  # the list goes on until the other side has had enough
        message(DATA, entry(plan["endless"]) * 500)
    for kind, text in plan.get("after", ()):
        message(kind, bytes.fromhex(text))
    send(bytes.fromhex(plan.get("raw", "")))
    if "content" in plan or "contents" in plan:
        contents = plan.get("contents") or [plan["content"]]
        serve([bytes.fromhex(one) for one in contents], plan.get("unasked", []))
        return
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
