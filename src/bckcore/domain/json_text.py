"""JSON that others may have written. Pure."""

import json
from typing import Any


def parsed_json(raw: bytes | str) -> Any:
    """The value. Raises ValueError for all that is none, and for what is nested too deep to be read."""
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
