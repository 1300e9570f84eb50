"""The API on a real socket: TLS, readiness, live events, and a clean end."""

import http.client
import json
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest

from bck_adapters.auth.ring import PRIVATE
from bck_adapters.memory import SettableClock
from bck_apps.api import listening
from bck_apps.api.limits import USUAL
from bck_apps.api.serve import _address, _listening, _make_ready, _Server
from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, InvalidInputError
from tests.support.api_world import PASSWORD, ServedWorld, api_world, memory_application, served_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with served_world(tmp_path) as made:
        yield made


class Stream:
    """Reads server-sent events as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.iter_lines()

    def event(self) -> tuple[str, str, Any]:
        """The next event; raises StopIteration at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = next(self._lines)
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return fields["event"], fields.get("id", ""), json.loads(fields["data"])

    def until(self, wanted: str) -> Any:
        """The data of the next event of that name."""
        while True:
            name, _, data = self.event()
            if name == wanted:
                return data


def _events(world: ServedWorld, job_id: str, **headers: str) -> Any:
    signed_in = world.sign_in(Role.VIEWER)
    return world.client.stream("GET", f"/backup/events/{job_id}", headers={**signed_in, **headers})


def test_api_file_tells_where_the_api_is_while_it_is_there(tmp_path: Path) -> None:
    with served_world(tmp_path) as world:
        path = tmp_path / "run" / "api.json"
        found = json.loads(path.read_text())
        assert found == {
            "port": world.address.port,
            "pid": os.getpid(),
            "url": f"https://127.0.0.1:{world.address.port}",
            "ca": str(world.application.tls.ca_certificate),
        }
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert world.client.get("/health").status_code == 200
    assert not path.exists()


def test_the_api_file_of_another_server_is_left_alone(tmp_path: Path) -> None:
    with served_world(tmp_path):
        (tmp_path / "run" / "api.json").write_text("{}")
    assert (tmp_path / "run" / "api.json").read_text() == "{}"


def test_a_client_that_does_not_know_the_ca_refuses_the_server(world: ServedWorld) -> None:
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection("127.0.0.1", world.address.port, context=context, timeout=10)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/health")


def test_old_tls_is_refused_and_plain_http_gets_nothing(world: ServedWorld) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", world.address.port), timeout=10) as raw,
        pytest.raises(OSError, match=r"(?i)alert|eof|reset"),
    ):
        old.wrap_socket(raw)
    with socket.create_connection(("127.0.0.1", world.address.port), timeout=10) as raw:
        raw.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        try:
            answer = raw.recv(1000)
        except ConnectionResetError:
            answer = b""
        assert b"200" not in answer


def test_events_come_while_the_job_runs(world: ServedWorld) -> None:
    world.prepare()
    job_id = world.start()
    with _events(world, job_id) as response:
        stream = Stream(response)
        assert stream.until("status")["status"] == "queued"
        claim = world.claim()
        assert stream.until("status")["status"] == "running"
        world.log(job_id, "hello")
        assert stream.until("log")["text"] == "hello"
        progress = TransferProgress(files_done=7)
        claim = world.application.queue.heartbeat(claim, lease_seconds=60, progress=progress)
        assert stream.until("progress")["files_done"] == 7
        world.finish(claim)
        assert stream.until("end")["status"] == "succeeded"
        with pytest.raises(StopIteration):
            stream.event()


def test_a_stream_in_which_nothing_happens_is_kept_alive_by_comments(
    world: ServedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.2)
    world.prepare()
    with _events(world, world.start()) as response:
        assert any(line == ": ping" for line in response.iter_lines())


def test_a_cut_stream_goes_on_after_the_last_line_it_gave(world: ServedWorld) -> None:
    world.prepare()
    job_id = world.start()
    claim = world.claim()
    world.log(job_id, "one", "two", "three")
    seen: list[tuple[str, str]] = []
    with _events(world, job_id) as response:
        stream = Stream(response)
        while len(seen) < 2:
            name, ident, data = stream.event()
            if name == "log":
                seen.append((ident, data["text"]))
    world.log(job_id, "four")
    world.finish(claim)
    with _events(world, job_id, **{"Last-Event-ID": seen[-1][0]}) as response:
        stream = Stream(response)
        while (event := stream.event())[0] != "end":
            if event[0] == "log":
                seen.append((event[1], event[2]["text"]))
    assert seen == [("1", "one"), ("2", "two"), ("3", "three"), ("4", "four")]


def test_a_client_that_leaves_ends_its_stream(world: ServedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.prepare()
    job_id = world.start()
    looked, real = Event(), world.application.jobs.get

    def watched(job: Any) -> Any:
        looked.set()
        return real(job)

    monkeypatch.setattr(world.application.jobs, "get", watched)
    with _events(world, job_id) as response:
        Stream(response).until("status")
    for _ in range(20):
        looked.clear()
        if not looked.wait(1):  # a stream looks every 0.3 s: none for a second means that it is over
            return
    pytest.fail("the server still follows the job for a client that left")


def test_stopping_ends_streams_at_once_and_without_a_false_end(world: ServedWorld) -> None:
    world.prepare()
    job_id = world.start()
    with _events(world, job_id) as response:
        stream = Stream(response)
        stream.until("status")
        world.stop.set()
        with pytest.raises(StopIteration):
            stream.event()
    world.running.result(timeout=4)  # less than the grace given to requests


def test_a_port_that_is_taken_is_a_conflict(tmp_path: Path) -> None:
    with socket.socket() as other, memory_application(tmp_path, SettableClock(), {}) as application:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConflictError, match="port"):
            listening(application, port=other.getsockname()[1])


def test_an_address_that_is_none_is_wrong_input() -> None:
    with pytest.raises(InvalidInputError):
        _listening("no such host", 0)


def test_all_addresses_are_announced_as_the_loopback(tmp_path: Path) -> None:
    with memory_application(tmp_path, SettableClock(), {}) as application:
        assert _address(application, "0.0.0.0", 7).url == "https://127.0.0.1:7"
        assert _address(application, "::", 7).url == "https://[::1]:7"


def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    with served_world(tmp_path) as world:
        server = _Server(world.application, Event(), lambda: None, Event(), USUAL)
        server.config.load()
        before = world.application.tls.server_certificate.read_bytes()
        world.clock.advance(380 * 86_400)
        server.refresh_certificate()
        assert world.application.tls.server_certificate.read_bytes() != before
        assert server.config.ssl is not None


def test_an_open_stream_ends_when_its_session_does(world: ServedWorld) -> None:
    """The job goes on, so nothing else would end it; the client's time limit of 20 s is what would fail."""
    world.prepare()
    job_id = world.start()
    with _events(world, job_id) as response:
        assert response.status_code == 200
        stream = Stream(response)
        assert stream.until("status")["job_id"] == job_id
        assert world.application.sessions.revoke_all("viewer", by="admin") == 1
        with pytest.raises(StopIteration):
            stream.until("end")


def test_an_open_stream_ends_when_the_host_changes_hands(world: ServedWorld) -> None:
    world.prepare()
    assert world.call("PUT", "/hosts/pc1", json={"owners": ["owner"]}).status_code == 200
    job_id = world.start()
    headers = world.sign_in(Role.OWNER)
    with world.client.stream("GET", f"/backup/events/{job_id}", headers=headers) as response:
        stream = Stream(response)
        assert stream.until("status")["job_id"] == job_id
        assert world.call("PUT", "/hosts/pc1", json={"owners": []}).status_code == 200
        with pytest.raises(StopIteration):
            stream.until("end")


def test_an_open_stream_of_a_device_goes_on_until_its_token_is_revoked(world: ServedWorld) -> None:
    world.prepare()
    job_id = world.start()
    made = world.call("POST", "/auth/tokens", json={"host": "pc1", "name": "laptop"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    with world.client.stream("GET", f"/backup/events/{job_id}", headers=headers) as response:
        stream = Stream(response)
        assert stream.until("status")["job_id"] == job_id
        assert world.call("DELETE", f"/auth/tokens/{made['token_id']}").status_code == 200
        with pytest.raises(StopIteration):
            stream.until("end")


def test_a_certificate_that_cannot_be_used_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    with served_world(tmp_path) as world:
        server = _Server(world.application, Event(), lambda: None, Event(), USUAL)
        tls = world.application.tls
        place = tls.server_certificate.parent / "imported-x"
        place.mkdir()
        (place.parent / "imported").symlink_to(place.name)
        (place / "ca.pem").write_bytes(tls.ca_certificate.read_bytes())
        before = server._context
        for content in (None, b"", b"-----BEGIN CERTIFICATE-----", tls.ca_certificate.read_bytes()):
            if content is not None:
                (place / "server.pem").write_bytes(content)
                (place / "server-key.pem").write_bytes(tls.server_key.read_bytes())
            server.refresh_certificate()
            assert server._context is before


def test_a_server_that_starts_tells_that_its_authority_ends_soon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with api_world(tmp_path) as world:
        world.application.certificates.files()
        _make_ready(world.application)
        assert "ends soon" not in caplog.text
        world.clock.advance(timedelta(days=3652 - 180).total_seconds())
        _make_ready(world.application)
        assert "the certificate or its authority ends soon" in caplog.text
        assert "bck cert renew --authority" in caplog.text


def test_a_key_of_tokens_that_cannot_be_opened_keeps_the_server_running_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a move without the vault's key: backups go on, and who signs in is told what to do."""
    with api_world(tmp_path) as world:
        application = world.application
        application.container.tokens.reset_override()
        application.container.sessions.reset()
        application.container.bare_vault().put(PRIVATE, Secret("sealed by nobody"))
        _make_ready(application)
        assert "nobody can sign in" in caplog.text
        body = {"name": "admin", "password": PASSWORD}
        refused = world.client.post("/auth/login", json=body)
        assert refused.status_code >= 500
        assert "rotate-key" in refused.json()["advice"]
        assert world.client.get("/health").status_code == 200
        application.tokens.rotate(now=application.clock.now())
        assert world.client.post("/auth/login", json=body).status_code == 200


BIG = 40_000_000
"""More than sockets hold on the way."""


def _stored(world: ServedWorld) -> None:
    """A point of docs with a large file, of a host that belongs to the owner."""
    world.application.storage.prepare()
    world.prepare()
    assert world.call("PUT", "/hosts/pc1", json={"owners": ["owner"]}).status_code == 200
    world.pcs[HostId("pc1")].source("/home/u/docs").write(b"big", os.urandom(BIG), 10**18)
    world.start()
    world.carry_out()


@pytest.mark.parametrize("ended", ["session", "account", "role", "host"])
@pytest.mark.parametrize("route", ["file?path=docs/big", "export"])
def test_a_download_is_broken_off_when_the_right_to_it_ends(
    world: ServedWorld, monkeypatch: pytest.MonkeyPatch, route: str, ended: str
) -> None:
    """The attack: begin a large download while it is allowed, and take it at leisure."""
    monkeypatch.setattr("bck_apps.api.permits.PERMIT_SECONDS", 0.0)
    _stored(world)
    address, headers = f"/profiles/docs/points/latest/{route}", world.sign_in(Role.OWNER)
    with world.client.stream("GET", address, headers=headers) as whole:
        assert sum(map(len, whole.iter_raw())) >= BIG
    with world.client.stream("GET", address, headers=headers) as response:
        assert response.status_code == 200
        pieces = response.iter_raw()
        got = len(next(pieces))
        access = world.application.access
        end: dict[str, Callable[[], object]] = {
            "session": lambda: world.application.sessions.revoke_all("owner", by="admin"),
            "account": lambda: access.remove_user("owner"),
            "role": lambda: access.set_role("owner", Role.VIEWER),
            "host": lambda: world.call("PUT", "/hosts/pc1", json={"owners": []}),
        }
        end[ended]()
        with pytest.raises(httpx2.RemoteProtocolError, match=r"incomplete|without sending complete"):
            for piece in pieces:
                got += len(piece)
        assert got < BIG
