"""Certificates: the installation's own CA, which clients pin, and the server certificate it signs."""

from bck_adapters.pki.certificates import (
    Identity,
    create_ca,
    fingerprint,
    is_usable,
    issue_server_certificate,
)
from bck_adapters.pki.imported import (
    Imported,
    import_certificate,
    imported_files,
    is_imported,
    remove_import,
)
from bck_adapters.pki.machine import own_names
from bck_adapters.pki.ssh import OpenSshKeys
from bck_adapters.pki.tls import TlsFiles, ensure_tls, renew_authority, renew_tls

__all__ = [
    "Identity",
    "Imported",
    "OpenSshKeys",
    "TlsFiles",
    "create_ca",
    "ensure_tls",
    "fingerprint",
    "import_certificate",
    "imported_files",
    "is_imported",
    "is_usable",
    "issue_server_certificate",
    "own_names",
    "remove_import",
    "renew_authority",
    "renew_tls",
]
