"""What all bodies share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bckcore.domain.login import LONGEST_PASSWORD

HostPassword = Annotated[
    SecretStr | None,
    Field(
        min_length=1,
        max_length=LONGEST_PASSWORD,
        description="Of the account on the host, where that is entered with a password: for this job "
        "(a probe: this look) alone, sealed until it runs, wiped when it is over. Not for device tokens.",
    ),
]
"""The same field of all bodies that ask for work at a host."""


class Body(BaseModel):
    """What a caller sends: a field that is not known is an error, not a wish passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _is_real_text(cls, value: object) -> object:
        """JSON can spell half a character and NUL; neither can be stored, sent or opened."""
        for text in value if isinstance(value, list) else [value]:
            plain = text.get_secret_value() if isinstance(text, SecretStr) else text
            if isinstance(plain, str) and (
                "\0" in plain or any("\ud800" <= char <= "\udfff" for char in plain)
            ):
                raise ValueError("The text holds NUL or half a character.")
        return value


class View(BaseModel):
    """What a caller gets.

    Names and rules of PCs are bytes; where they are no UTF-8, our texts hold halves of characters. No JSON
    document can, so a caller gets those escaped, ``\\udce9`` for the byte E9.
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _of_whole_characters(cls, values: object) -> object:
        return _in_whole_characters(values)


def _in_whole_characters(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _in_whole_characters(one) for name, one in value.items()}
    return [_in_whole_characters(one) for one in value] if isinstance(value, list) else value
