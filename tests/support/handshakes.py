"""What no SSH server says while keys are agreed on, and a listener that says it to everybody."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread

GREETING = b"SSH-2.0-x\r\n"
_AGREED = (
    b"curve25519-sha256",
    b"ssh-ed25519",
    *(b"aes128-ctr",) * 2,
    *(b"hmac-sha2-256",) * 2,
    *(b"none",) * 2,
    *(b"",) * 2,
)
_PATIENCE = 10


def _packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _agreement(*names: bytes) -> bytes:
    return _packet(b"\x14" + bytes(16) + b"".join(map(_text, names)) + bytes(5))


HANDSHAKES: Mapping[str, bytes] = {
    "names that are no text": GREETING + _agreement(b"\xff\xfe", *_AGREED[1:]),
    "an agreement that ends at once": GREETING + _packet(b"\x14" + bytes(3)),
    "a farewell that is no text": GREETING + _packet(b"\x01\0\0\0\x02" + _text(b"\xff\xff") + _text(b"")),
    "a note that is no text": GREETING + _packet(b"\x04\x01" + _text(b"\xff\xff") + _text(b"")),
    "a length beyond all measure": GREETING + struct.pack(">I", 0x7FFFFFFF) + bytes(64),
    "no length": GREETING + bytes(68),
    "nothing in it": GREETING + struct.pack(">IB", 1, 0) + bytes(11),
    "new keys before any are agreed on": GREETING + _packet(b"\x15"),
    "an answer that nobody asked for": GREETING + _packet(b"\x1f" + _text(b"x")),
    "a greeting that is no text": b"\xff\xfe\xfd\r\n" * 50,
    "an empty greeting": b"\r\n" * 200,
}
"""Bytes that a host may send as soon as it is connected with; none is a handshake."""


@contextmanager
def saying(data: bytes) -> Iterator[int]:
    """A port of the loopback where everybody hears just that."""
    with _listening(lambda connection: connection.sendall(data)) as port:
        yield port


@contextmanager
def dripping() -> Iterator[int]:
    """A port of the loopback where everybody hears a line before any greeting, and another, without end."""
    over = Event()

    def drip(connection: socket.socket) -> None:
        while not over.wait(0.1):
            connection.sendall(b"x\r\n")

    with _listening(drip) as port:
        try:
            yield port
        finally:
            over.set()


@contextmanager
def _listening(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_serve, args=(listening, speak), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(_PATIENCE)


def _serve(listening: socket.socket, speak: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(_PATIENCE)
            speak(connection)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
