"""A client of the HTTP API in the standard library alone: it knows the address, the CA, and nothing else."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

TIMEOUT_SECONDS = 60
"""The server sends a sign of life every 15 seconds on a quiet event stream."""


class ApiError(Exception):
    """The server answered with a problem document."""


class Api:
    """One server, trusted by its CA certificate only; signed in after :meth:`sign_in`."""

    def __init__(self, port: int, ca_file: str) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=ca_file)
        self._token = ""

    def sign_in(self, name: str, password: str) -> str:
        """Get a token and keep it; returns the role."""
        answer = self.post("/auth/login", {"name": name, "password": password})
        self._token = str(answer["access_token"])
        return str(answer["role"])

    def get(self, path: str) -> Any:
        """The answer's JSON. Raises ApiError."""
        return self._call("GET", path)

    def post(self, path: str, body: object = None, *, key: str = "") -> Any:
        """The answer's JSON; ``key`` makes the request safe to send again. Raises ApiError."""
        return self._call("POST", path, body, {"Idempotency-Key": key} if key else {})

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (name, data) as they come, until the server ends the stream."""
        connection = self._connection()
        try:
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise _error("GET", path, response)
            yield from _events(response)
        finally:
            connection.close()

    def _call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        connection = self._connection()
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {**self._headers(), **(headers or {})})
            response = connection.getresponse()
            if response.status >= 400:
                raise _error(method, path, response)
            return json.loads(response.read() or b"null")
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=self._context, timeout=TIMEOUT_SECONDS
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        return {**headers, "Authorization": f"Bearer {self._token}"} if self._token else headers


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name, data = "", []
    for raw in iter(response.readline, b""):
        line = raw.decode("utf-8").rstrip("\r\n")
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield name, json.loads("\n".join(data))
            name, data = "", []


def _error(method: str, path: str, response: http.client.HTTPResponse) -> ApiError:
    text = response.read().decode("utf-8", "replace")
    try:
        problem = json.loads(text)
        text = " ".join(part for part in (problem["detail"], problem["meaning"], problem["advice"]) if part)
    except (ValueError, KeyError, TypeError):
        pass
    return ApiError(f"{method} {path}: {response.status}: {text}")
