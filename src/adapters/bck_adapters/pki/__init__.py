"""Certificates: the installation's own CA, which clients pin, and the server certificate it signs."""

from bck_adapters.pki.certificates import (
    Identity,
    create_ca,
    fingerprint,
    is_usable,
    issue_server_certificate,
)
from bck_adapters.pki.machine import own_names
from bck_adapters.pki.tls import TlsFiles, ensure_tls

__all__ = [
    "Identity",
    "TlsFiles",
    "create_ca",
    "ensure_tls",
    "fingerprint",
    "is_usable",
    "issue_server_certificate",
    "own_names",
]
