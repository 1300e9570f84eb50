"""Passwords: how the password of a host's account gets from a start to the runner, and nowhere else.

Sealed as soon as it is there, in a place of its own beside the job; opened right before a host is asked, and
handed down as an argument. Nobody keeps it longer than the work lasts.
"""

from bckcore.domain.host import Host
from bckcore.domain.ids import JobId
from bckcore.domain.login import Login, checked_account_password
from bckcore.domain.secret import Secret
from bckcore.errors import ConflictError
from bckcore.ports.job_queue import Claim
from bckcore.ports.sealed_box import SealedBox


def require_password_login(host: Host) -> None:
    """Raise ConflictError for a host that is not entered with a password."""
    if host.login is not Login.PASSWORD:
        raise ConflictError(
            f"{host.id} is not entered with a password.",
            meaning="Nothing was started or asked, and the password was not kept.",
            advice=f"Ask for it without one; or have it entered so: bck host set {host.id} --login password",
        )


class Passwords:
    """Thread-safe."""

    def __init__(self, box: SealedBox) -> None:
        self._box = box

    def sealed(self, job: JobId, host: Host, password: Secret[str]) -> str:
        """The password as it may wait with that job in the queue.

        Raises ConflictError where the host takes none, InvalidInputError for what ssh cannot be told,
        StorageError without a key.
        """
        require_password_login(host)
        return self._box.seal(job, checked_account_password(password))

    def of(self, claim: Claim) -> Secret[str] | None:
        """What was sent with the job; None where nothing was. Raises SealBrokenError, StorageError."""
        return self._box.opened(claim.job.id, claim.sealed) if claim.sealed else None
