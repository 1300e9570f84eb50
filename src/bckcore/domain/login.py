"""Login: which of the ways the server takes into a host."""

from enum import StrEnum

from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

LONGEST_PASSWORD = 1024


class Login(StrEnum):
    """How the server shows a host who it is."""

    KEY = "key"
    """With a private key that a person gave."""
    OWN_KEY = "own-key"
    """With a key made on the server for this host alone; its private half never leaves it."""
    CERTIFICATE = "certificate"
    """With a fresh key for each connection, certified for minutes by the server's own authority."""
    PASSWORD = "password"  # noqa: S105  # a name
    """With the account's password: given with each start, or kept where a person insists."""

    @property
    def keeps_key(self) -> bool:
        """True if the vault holds a private key for it."""
        return self in (Login.KEY, Login.OWN_KEY)


def checked_account_password(password: Secret[str]) -> Secret[str]:
    """A password that ssh can be told: one line, not empty. Raises InvalidInputError that never quotes it."""
    text = password.reveal()
    if not text or len(text) > LONGEST_PASSWORD or not text.isprintable():
        raise InvalidInputError(
            "That cannot be the password of an account.",
            meaning="Nothing was changed, nothing was started, and it was not kept.",
            advice=f"It is one line of 1 to {LONGEST_PASSWORD} printable characters.",
        )
    return password
