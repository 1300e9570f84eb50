"""A handshake in memory: whether a client that pins an authority accepts a server for a name."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def refusal(certificate: Path, key: Path, authority: Path, name: str) -> str:
    """Why a client would refuse, in OpenSSL's words; empty if it accepts. Raises OSError, ssl.SSLError for
    files that OpenSSL cannot use."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key, password=_no_password)
    client_context = ssl.create_default_context(cafile=str(authority))
    # Not every client takes a name that stands in the subject alone, as Python does, or an authority that
    # another one has signed, as it does from 3.13 on.
    client_context.hostname_checks_common_name = False
    client_context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    try:
        _shake(client, server)
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_message or str(exc)
    except ssl.SSLError as exc:
        return exc.reason or str(exc)
    return ""


def _shake(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    """To the end, or to the first error; each side has its say a few times."""
    for _ in range(10):
        if all([_over(client.do_handshake), _over(server.do_handshake)]):
            return
    raise ssl.SSLError("the handshake did not come to an end")


def _over(step: Callable[[], None]) -> bool:
    with suppress(ssl.SSLWantReadError):
        step()
        return True
    return False


def _no_password() -> str:
    """Instead of a question at the terminal."""
    return ""
