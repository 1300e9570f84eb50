"""Seal: a digest inside a record over the rest of it, so that a changed record shows it by itself.

The chain shows a change of every record but the newest, which no other names yet; the seal shows that
one too. It guards against accidents, not against somebody who writes a new seal.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from bckcore.domain.json_text import parsed_json
from bckcore.errors import StorageError

SEAL = "seal"


def sealed(document: Mapping[str, object]) -> bytes:
    """The document as JSON with sorted keys, one a line, its seal among them, and a final newline; ASCII."""
    return _bytes({**document, SEAL: _seal(document)})


def unsealed(raw: bytes, *, form: int, required_with: str) -> dict[str, Any]:
    """The document of :func:`sealed`, its seal taken off.

    One without a seal is of an older release, unless it has the key ``required_with``; how another
    ``format`` than ``form`` is sealed is not known here. Raises StorageError for a wrong or missing
    seal, ValueError and TypeError for what is no JSON object.
    """
    document = parsed_json(raw)
    if not isinstance(document, dict):
        raise TypeError("it is no JSON object")
    seal = document.pop(SEAL, None)
    unknown = document.get("format") != form
    if unknown or (seal is None and required_with not in document):
        return document
    if seal != _seal(document):
        raise StorageError(
            "A record is not as it was written: its seal does not fit.",
            meaning="The disk harmed it, or somebody changed it.",
            advice="Bring the file back from a copy of the backup storage.",
        )
    return document


def _seal(document: Mapping[str, object]) -> str:
    return sha256(_bytes(document)).hexdigest()


def _bytes(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"
