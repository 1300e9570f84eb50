"""Values of arguments and options that several verbs look at in the same way."""

from bckcore.errors import InvalidInputError


def not_empty(value: str | None) -> str | None:
    """Refuse an empty text: an unset variable of a script must not mean everything."""
    if value == "":
        raise InvalidInputError("A value is empty.", advice="Give one, or leave the argument or option out.")
    return value
