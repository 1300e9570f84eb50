"""A PC believes the server of its token and no other: whoever stands in between hears nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bck_adapters.pki.certificates import Identity, fingerprint
from bck_apps.gate.enrolling.problem import EnrolError
from bck_apps.gate.enrolling.server import Server, parsed_server, pinned, redeemed
from tests.support.impostor import Heard, https_server, new_ca
from tests.support.sshd import free_port

BODY = {"token": "bck1-the-whole-secret", "host_keys": []}


def enrolled(at: Heard, ca: Identity, name: str = "127.0.0.1") -> object:
    server = Server(name, at.port)
    return redeemed(server, pinned(server, fingerprint(ca.certificate)), BODY)


def refused(at: Heard, ca: Identity, name: str = "127.0.0.1") -> str:
    with pytest.raises(EnrolError) as caught:
        enrolled(at, ca, name)
    assert any("Nothing of this PC was sent to it." in line for line in caught.value.lines)
    return str(caught.value)


def test_the_server_of_the_token_is_told_over_a_connection_that_is_checked(tmp_path: Path) -> None:
    ca = new_ca()
    with https_server(tmp_path, ca, {"/ca.pem": ca.certificate_pem(), "/enrol": b'{"a": 1}'}) as server:
        assert enrolled(server, ca) == {"a": 1}
    assert server.requests == [("GET /ca.pem", b""), ("POST /enrol", json.dumps(BODY).encode())]


def test_a_man_in_the_middle_with_an_authority_of_his_own_hears_nothing(tmp_path: Path) -> None:
    real, his = new_ca(), new_ca()
    with https_server(tmp_path, his, {"/ca.pem": his.certificate_pem(), "/enrol": b"{}"}) as impostor:
        assert "another certificate authority" in refused(impostor, real)
    assert impostor.requests == [("GET /ca.pem", b"")]


def test_one_who_shows_the_real_authority_which_is_public_hears_nothing_either(tmp_path: Path) -> None:
    real, his = new_ca(), new_ca()
    answers = {"/ca.pem": real.certificate_pem(), "/enrol": b"{}"}
    with https_server(tmp_path, his, answers) as impostor:
        assert "does not prove to be the server" in refused(impostor, real)
    assert impostor.requests == [("GET /ca.pem", b"")]


def test_nor_does_one_who_adds_his_own_behind_the_real_one(tmp_path: Path) -> None:
    real, his = new_ca(), new_ca()
    for both in (
        real.certificate_pem() + his.certificate_pem(),
        his.certificate_pem() + real.certificate_pem(),
    ):
        with https_server(tmp_path, his, {"/ca.pem": both, "/enrol": b"{}"}) as impostor:
            refused(impostor, real)
        assert impostor.requests == [("GET /ca.pem", b"")]


def test_a_real_certificate_for_another_name_is_not_enough(tmp_path: Path) -> None:
    ca = new_ca()
    answers = {"/ca.pem": ca.certificate_pem(), "/enrol": b"{}"}
    with https_server(tmp_path, ca, answers, names=("elsewhere.lan",)) as other:
        assert "does not prove to be the server" in refused(other, ca)
    assert other.requests == [("GET /ca.pem", b"")]


@pytest.mark.parametrize("pem", [b"", b"no certificate", b"\xff" * 1000, b"-----BEGIN CERTIFICATE-----\nAA"])
def test_what_is_no_authority_is_none(tmp_path: Path, pem: bytes) -> None:
    ca = new_ca()
    with https_server(tmp_path, ca, {"/ca.pem": pem}) as server:
        assert "another certificate authority" in refused(server, ca)


@pytest.mark.parametrize("answer", [b"", b"[]", b"not json", b"[" * 100_000])
def test_an_answer_that_is_none_is_said_to_be_none(tmp_path: Path, answer: bytes) -> None:
    ca = new_ca()
    answers = {"/ca.pem": ca.certificate_pem(), "/enrol": answer}
    with https_server(tmp_path, ca, answers) as server, pytest.raises(EnrolError, match="no answer"):
        enrolled(server, ca)


def test_where_nobody_answers_it_says_so() -> None:
    with pytest.raises(EnrolError, match="does not answer"):
        pinned(Server("127.0.0.1", free_port()), "0" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backup.lan",
        "http://backup.lan",
        "https://",
        "https://u:p@backup.lan",
        "https://backup.lan/x",
        "https://backup.lan:port",
        "https://backup.lan:99999",
        "https://backup.lan?x",
        "https://[::1",
    ],
)
def test_only_an_https_address_names_a_server(text: str) -> None:
    with pytest.raises(EnrolError):
        parsed_server(text)


def test_addresses_are_read_as_they_are_shown() -> None:
    for text in ("https://backup.lan:8443", "https://[::1]:9000", "https://192.0.2.1:1"):
        assert parsed_server(text).url == text
    assert parsed_server("https://backup.lan/") == Server("backup.lan", 8443)
