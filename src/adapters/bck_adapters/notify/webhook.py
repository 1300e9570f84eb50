"""WebhookChannel: one POST of a JSON document per digest, to an address that is a secret."""

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from bck_adapters.notify.deadline import Deadline, connected, leads_to_this_machine
from bck_adapters.notify.form import waiting_document
from bckcore.domain.ids import SecretRef
from bckcore.domain.notice import Digest
from bckcore.domain.secret import Secret
from bckcore.errors import DeliveryFailedError

SIGNATURE, TIMESTAMP, DELIVERY = "X-Bck-Signature", "X-Bck-Timestamp", "X-Bck-Delivery"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """How; the section ``[webhook]`` of the settings. Where is in the vault."""

    url_ref: str
    key_ref: str
    """Empty without a signature."""
    ca_file: str
    timeout_seconds: float

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """From the settings."""
        return cls(
            url_ref=section["url_ref"],
            key_ref=section["key_ref"] if section["signed"] else "",
            ca_file=section["ca_file"],
            timeout_seconds=section["timeout_seconds"],
        )


class WebhookChannel:
    """Channel by HTTPS. It follows no redirect, and reads nothing but the status of the answer."""

    def __init__(self, options: WebhookOptions, secret: Callable[[SecretRef], Secret[str]]) -> None:
        """``secret`` is asked for address and key at each delivery."""
        self._options = options
        self._secret = secret

    def deliver(self, digest: Digest) -> None:
        """See the port."""
        url = parsed_url(self._secret(SecretRef(self._options.url_ref)))
        body = json.dumps(document_of(digest)).encode("ascii")
        headers = self._headers(digest, body)
        deadline = Deadline(self._options.timeout_seconds)
        try:
            with deadline:
                status = self._answered(url, body, headers, deadline)
        except (http.client.HTTPException, OSError) as exc:
            reason = "it took too long" if deadline.over else _reason(exc)
            # The original may hold parts of the address, so it is not passed on.
            raise _failed(url, reason) from None
        if not 200 <= status < 300:
            moved = ", which leads elsewhere and is not followed" if 300 <= status < 400 else ""
            raise _failed(url, f"it answered {status}{moved}")

    def _headers(self, digest: Digest, body: bytes) -> dict[str, str]:
        sent = str(int(digest.at.timestamp()))
        headers = {"Content-Type": "application/json", DELIVERY: digest.id, TIMESTAMP: sent}
        if self._options.key_ref:
            headers[SIGNATURE] = signature(self._secret(SecretRef(self._options.key_ref)), sent, body)
        return headers

    def _answered(self, url: SplitResult, body: bytes, headers: dict[str, str], deadline: Deadline) -> int:
        host, seconds = url.hostname or "", self._options.timeout_seconds
        port = url.port or (443 if url.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        connection.sock = self._opened(url.scheme, host, port, deadline)
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", target, body=body, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _opened(self, scheme: str, host: str, port: int, deadline: Deadline) -> socket.socket:
        opened = connected(host, port, seconds=self._options.timeout_seconds, deadline=deadline)
        try:
            if scheme == "https":
                context = ssl.create_default_context()
                if self._options.ca_file:
                    context.load_verify_locations(self._options.ca_file)
                return context.wrap_socket(opened, server_hostname=host)
            if not leads_to_this_machine(opened):
                raise OSError("without https only this machine is spoken to")
        except BaseException:
            opened.close()
            raise
        return opened


def parsed_url(secret: Secret[str]) -> SplitResult:
    """The address: https, or http to this machine. Raises DeliveryFailedError, whose text keeps it secret."""
    text = secret.reveal()
    try:
        url = urlsplit(text)
        port_is_good = url.port != 0
    except ValueError:
        raise _not_usable("it is not a URL") from None
    if not text.isascii() or any(char <= " " or char == "\x7f" for char in text):
        raise _not_usable("it holds blanks or characters that are not ASCII")
    if url.scheme not in ("https", "http") or not url.hostname or not port_is_good:
        raise _not_usable("it does not begin with https:// and the name of a server")
    if url.username is not None or url.fragment:
        raise _not_usable("a user name or a fragment has no use in it")
    if url.scheme == "http" and not _may_be_this_machine(url.hostname):
        raise _not_usable("http goes to this machine only; anywhere else it has to be https")
    return url


def _may_be_this_machine(host: str) -> bool:
    """By its name; the address that it leads to is looked at when the connection stands."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_usable(why: str) -> DeliveryFailedError:
    return DeliveryFailedError(
        f"The address of the webhook cannot be used: {why}.",
        advice="Enter it again: bck notify secret webhook-url. Then try: bck notify test.",
    )


def _failed(url: SplitResult, reason: str) -> DeliveryFailedError:
    """Names the server; the rest of the address is the secret."""
    return DeliveryFailedError(f"The webhook on {url.hostname} did not take the message: {reason}.")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).rstrip(".")
    return f"its answer is not HTTP ({type(error).__name__})"


def signature(key: Secret[str], timestamp: str, body: bytes) -> str:
    """``sha256=`` and the HMAC-SHA256 of the timestamp, a dot and the body, in hex."""
    signed = timestamp.encode("ascii") + b"." + body
    return "sha256=" + hmac.new(key.reveal().encode(), signed, hashlib.sha256).hexdigest()


def document_of(digest: Digest) -> dict[str, object]:
    """What is posted."""
    return {
        "version": VERSION,
        "id": digest.id,
        "server": digest.server,
        "at": digest.at.isoformat(),
        "subject": digest.subject,
        "text": digest.text,
        "items": [waiting_document(one) for one in digest.items],
    }
