"""The server as a PC first meets it: believed only with the authority that the token names.

The authority itself is public, so it is fetched over a connection that proves nothing, by a request that says
nothing. It counts if its digest is the one in the token. Whatever else is sent goes over a second connection,
which is checked in full against that authority and the server's name.
"""

import hashlib
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from bck_apps.gate.enrolling.problem import EnrolError
from bckcore.domain.json_text import parsed_json

_PATIENCE = 30
_LARGEST = 256 << 10
_NOTHING_SENT = "Nothing of this PC was sent to it."


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """As people write it."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"https://{name}:{self.port}"


def parsed_server(text: str) -> Server:
    """From ``https://NAME:PORT``. Raises EnrolError."""
    try:
        parts = urlsplit(text)
        server = Server(parts.hostname or "", parts.port or 8443)
    except ValueError:
        parts, server = urlsplit(""), Server("", 0)
    rest = (parts.username, parts.password, parts.query, parts.fragment, parts.path.strip("/"))
    if parts.scheme != "https" or not server.name.isprintable() or not server.name or any(rest):
        raise EnrolError(
            "--server is no address of a server.",
            meaning="Nothing was sent anywhere.",
            advice="Write it as 'bck host enrol' shows it: --server https://backup.lan:8443",
        )
    return server


def pinned(server: Server, ca_sha256: str) -> ssl.SSLContext:
    """What trusts the authority with that digest and no other. Raises EnrolError where it is not there."""
    try:
        authority = ssl.PEM_cert_to_DER_cert(_public_authority(server).strip())
    except ValueError:
        authority = b""
    if not compare_digest(hashlib.sha256(authority).hexdigest(), ca_sha256):
        raise EnrolError(
            f"{server.url} is not the server that made the token: it names another certificate authority.",
            meaning=f"Another machine may stand in its place. {_NOTHING_SENT} The token still counts.",
            advice="Check the address; if it is right, tell the administrator, who compares: bck cert show",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Exactly the bytes that were compared: what else the server sent is trusted by nobody.
    context.load_verify_locations(cadata=authority)
    return context


def redeemed(server: Server, context: ssl.SSLContext, body: Mapping[str, object]) -> Mapping[str, Any]:
    """What the server answers to a redeemed token. Raises EnrolError."""
    status, answer = _asked(server, context, "POST", "/enrol", json.dumps(body).encode())
    try:
        document = parsed_json(answer)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise EnrolError(
            f"{server.url} answered with something that is no answer (status {status}).",
            meaning="Whether the token was used is not known.",
            advice="See on the server: bck host show NAME; bck audit list",
        )
    if status != 200:
        raise _refusal(document, status)
    return document


def _refusal(document: Mapping[str, Any], status: int) -> EnrolError:
    what, meaning, advice = (str(document.get(name, "")) for name in ("detail", "meaning", "advice"))
    return EnrolError(f"The server refused: {what or status}", meaning=meaning, advice=advice)


def _public_authority(server: Server) -> str:
    """Whatever the server calls its authority: nothing is proved yet, and nothing is told."""
    nothing_proved = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nothing_proved.check_hostname = False
    nothing_proved.verify_mode = ssl.CERT_NONE
    _, answer = _asked(server, nothing_proved, "GET", "/ca.pem", None)
    return answer.decode("ascii", "replace")


def _asked(
    server: Server, context: ssl.SSLContext, method: str, path: str, body: bytes | None
) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(server.name, server.port, timeout=_PATIENCE, context=context)
    headers = {"Content-Type": "application/json"} if body else {}
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as exc:
        raise EnrolError(
            f"{server.url} does not prove to be the server: {exc.verify_message}.",
            meaning=f"{_NOTHING_SENT} The token still counts.",
            advice="Use a name or address that its certificate has (on the server: bck cert show); "
            "see that the clock of this PC is right.",
        ) from exc
    except (OSError, UnicodeError) as exc:
        raise EnrolError(
            f"{server.url} does not answer: {exc}.",
            meaning=f"{_NOTHING_SENT} The token still counts.",
            advice="Check address and port, and that 'bck serve' runs on the server.",
        ) from exc
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST)
    except (OSError, http.client.HTTPException) as exc:
        raise EnrolError(
            f"The connection to {server.url} broke off: {str(exc) or type(exc).__name__}.",
            meaning="Whether the token was used is not known." if body else _NOTHING_SENT,
            advice="Try again; if the token no longer counts, have another one made.",
        ) from exc
    finally:
        connection.close()
