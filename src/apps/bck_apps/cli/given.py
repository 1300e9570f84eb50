"""What was given on the command line and cannot be meant. Pure."""

from bckcore.errors import InvalidInputError


def require_path(text: str, option: str) -> str:
    """The text, unless it is empty: an empty variable must not name the folder that one stands in."""
    if not text:
        raise InvalidInputError(
            f"{option} is empty.", advice=f"Give a path. For the folder you are in: {option} ."
        )
    return text
