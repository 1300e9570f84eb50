"""Clients of a server that runs: HTTPS that trusts its CA alone."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.cli import PASSWORD, PATIENCE


@contextmanager
def client_of(url: str, ca: str | Path) -> Iterator[httpx2.Client]:
    """A client that is nobody yet."""
    trust = ssl.create_default_context(cafile=ca)
    with httpx2.Client(base_url=url, verify=trust, timeout=PATIENCE) as client:
        yield client


def signed_in(client: httpx2.Client, *, name: str = "ann", password: str = PASSWORD) -> httpx2.Client:
    """The same client, which says with each request who it is."""
    answer = client.post("/auth/login", json={"name": name, "password": password})
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


@contextmanager
def ann_at(served: Mapping[str, Any]) -> Iterator[httpx2.Client]:
    """Ann, signed in at the server that has said so of itself."""
    with client_of(served["url"], served["ca_certificate"]) as client:
        yield signed_in(client)


class Caller:
    """Calls a server as a program on a PC does."""

    def __init__(self, served: dict[str, Any]) -> None:
        self._url = served["url"]
        self._tls = ssl.create_default_context(cafile=served["ca_certificate"])

    def __call__(self, path: str, token: str = "", **body: Any) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body else None
        headers = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        request = urllib.request.Request(self._url + path, data, headers)  # our own https
        try:
            with urllib.request.urlopen(request, context=self._tls) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
