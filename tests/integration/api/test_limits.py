"""Whoever reaches the port can keep neither the API nor the open files of the server for themselves."""

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from bck_apps.api.limits import Limits
from bck_apps.api.middleware import SAFE_HEADERS
from bckcore.domain.access import Role
from tests.support.api_world import ServedWorld, served_world

SHORT = Limits(handshake_seconds=0.5, head_seconds=0.5, body_seconds=0.5)
PATIENCE = 20.0
STRANGER = "127.0.0.2"


def connected(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))


@contextmanager
def encrypted(world: ServedWorld) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=world.address.ca)
    with (
        connected(world.address.port) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        yield tls


def dripped(connection: socket.socket, byte: bytes) -> bytes:
    """What the server says to one who sends a byte now and then, until it hangs up."""
    said, end = b"", time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            if select.select([connection], [], [], 0.05)[0]:
                more = connection.recv(65536)
                if not more:
                    return said
                said += more
            elif byte:
                connection.sendall(byte)
    except (ConnectionError, ssl.SSLError):
        return said
    raise AssertionError(f"still open after {PATIENCE} s")


@pytest.mark.parametrize("said", [b"GARBAGE\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_is_no_http_is_answered_with_the_safe_headers_too(tmp_path: Path, said: bytes) -> None:
    with served_world(tmp_path) as world, encrypted(world) as connection:
        connection.sendall(said)
        head = dripped(connection, b"").partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 400 ")
        told = head.decode("ascii").lower()
        for name, value in SAFE_HEADERS.items():
            assert f"{name}: {value}".lower() in told


@pytest.mark.parametrize("byte", [b"", b"x"])
def test_a_header_that_does_not_come_or_drips_is_not_waited_for(tmp_path: Path, byte: bytes) -> None:
    with served_world(tmp_path, SHORT) as world, encrypted(world) as connection:
        if byte:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ")
        assert dripped(connection, byte) == b""


def test_a_handshake_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with served_world(tmp_path, SHORT) as world, connected(world.address.port) as connection:
        assert dripped(connection, b"") == b""


def test_a_header_after_an_answer_is_not_waited_for_either(tmp_path: Path) -> None:
    with served_world(tmp_path, SHORT) as world, encrypted(world) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /hea")
        assert dripped(connection, b"x").count(b"HTTP/1.1 200") == 1


def test_a_body_that_drips_is_answered_and_not_waited_for(tmp_path: Path) -> None:
    with served_world(tmp_path, SHORT) as world, encrypted(world) as connection:
        connection.sendall(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert dripped(connection, b" ").startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_is_listened_to_outlasts_all_that(tmp_path: Path) -> None:
    with served_world(tmp_path, SHORT) as world:
        world.prepare()
        job = world.start()
        with world.client.stream(
            "GET", f"/backup/events/{job}", headers=world.sign_in(Role.VIEWER)
        ) as answer:
            lines = answer.iter_lines()
            next(lines)
            with encrypted(world) as late:
                assert dripped(late, b"") == b""
            world.finish(world.claim())
            assert any("succeeded" in line for line in lines)


def test_one_address_takes_no_others_place_and_gets_its_own_back(tmp_path: Path) -> None:
    with served_world(tmp_path, Limits(connections=16, per_address=4)) as world, ExitStack() as idle:
        held = [idle.enter_context(connected(world.address.port, STRANGER)) for _ in range(12)]
        refused = select.select(held, [], [], PATIENCE)[0]
        while len(refused) < 8:
            refused = select.select(held, [], [], PATIENCE)[0]
        assert world.client.get("/health").status_code == 200
        idle.close()
        context = ssl.create_default_context(cafile=world.address.ca)
        transport = httpx2.HTTPTransport(verify=context, local_address=STRANGER, retries=10)
        with httpx2.Client(base_url=world.address.url, transport=transport, timeout=PATIENCE) as back:
            assert back.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("open_files", "connections", "per_address", "per_network"),
    [(256, 64, 16, 32), (4096, 1024, 200, 512), (10**6, 2000, 200, 1000), (1, 4, 1, 2)],
)
def test_few_open_files_leave_most_of_them_to_the_backups(
    open_files: int, connections: int, per_address: int, per_network: int
) -> None:
    fitting = Limits().fitting(open_files)
    assert (fitting.connections, fitting.per_address) == (connections, per_address)
    assert fitting.per_network == per_network
