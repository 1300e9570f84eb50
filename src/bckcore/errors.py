"""Everything that can go wrong, as one tree.

::

    BckError
    ├── TransientError                a later try of the same thing may succeed
    │   ├── HostUnreachableError      the host is off, asleep or not on the network
    │   ├── HeldOffError              its schedule allows no start now
    │   ├── TransferInterruptedError  the connection or the program broke off midway
    │   ├── TransferTimeoutError      nothing moved for too long, or the whole took too long
    │   ├── StoreBusyError            another run holds the profile's storage lock
    │   ├── DatabaseBusyError         others wrote to the database for too long
    │   ├── TooBusyError              so many ask for the same that one more is not taken on
    │   ├── DatabaseUnreachableError  the database server is down, or the way to it is
    │   ├── DatabaseMovedError        the installation is being moved to another database, or was
    │   └── DeliveryFailedError       a message to people was not taken by the other side
    ├── PermanentError                trying again changes nothing until a person acts
    │   ├── AuthenticationError       the host refused our key, certificate or password
    │   ├── PrivateKeyError           our own key for the host cannot be read
    │   ├── SealBrokenError           what was sealed for the runner cannot be opened by it
    │   ├── HostKeyChangedError       the host shows another key than the pinned one (alarm)
    │   ├── HostKeyUnknownError       no host key is pinned yet
    │   │   └── HostNotEnrolledError  the PC has not redeemed its enrolment token yet
    │   ├── RsyncMissingError         the host has no usable rsync, or refuses the command
    │   ├── SourceMissingError        no source of the profile could be read
    │   ├── FilesMissingError         most files of a source had vanished: a person must look
    │   ├── MuchUnreadError           more than a tenth of a source could not be read: no good backup
    │   ├── ContentForgedError        the host sent, unasked, other bytes for what it had sent before (alarm)
    │   ├── TransferFailedError       rsync ended in a way no retry mends
    │   ├── SentTwiceError            the host sent a file twice, as no honest one does (alarm)
    │   ├── JobGivenUpError           one runner after another died over the job
    │   └── VetoedError               a plugin refused the run, with its reason
    ├── StoreFullError                no bytes, inodes or quota left in the backup storage
    │   └── QuotaExceededError        one host holds as much as it may
    ├── StorageError                  the storage is damaged or not as it must be
    │   └── DatabaseDamagedError      the index is damaged or gone: the storage brings it back
    ├── JobCancelledError             a person or a shutdown asked to stop
    ├── LeaseLostError                the job belongs to another runner now; write nothing
    ├── InvalidInputError             wrong use: a value is malformed
    │   └── PathRefusedError          a text that is no full path on that kind of host
    ├── NotFoundError                 what was named does not exist
    ├── ConflictError                 it exists already, or its state forbids the step
    │   └── IllegalTransitionError    a job cannot go from this state to that one
    └── RefusedError                  understood, and not allowed
        ├── PathNotAllowedError       outside the host's allow-list
        ├── AccessDeniedError         not signed in, or the role does not permit it
        │   └── SecondFactorNeededError   the password was right; a code is needed as well
        └── TooManyAttemptsError      somebody may be guessing: wait

Every error carries three sentences for people: what happened, what it means, what to do.
"""


class BckError(Exception):
    """Base of all errors this program raises on purpose.

    ``code`` is a stable, machine-readable name; it appears in job results and problem documents.
    ``usual_meaning`` and ``usual_advice`` stand in where the raiser knows nothing more exact.
    """

    code = "error"
    usual_meaning = "The step was not carried out."
    usual_advice = "Look at the log for what led to it."

    def __init__(self, what: str, *, meaning: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning or self.usual_meaning
        self.advice = advice or self.usual_advice

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.meaning, self.advice) if part)


class TransientError(BckError):
    """A later try of the same thing may succeed."""

    code = "transient"
    usual_meaning = "It may pass by itself; nothing kept was lost."
    usual_advice = "Try again later."


class HostUnreachableError(TransientError):
    """The host is off, asleep or not on the network."""

    code = "host-unreachable"


class HeldOffError(TransientError):
    """The schedule asked for a backup, and by the time it came to its turn allows no start."""

    code = "held-off"
    usual_meaning = "No run was begun, and nothing failed."
    usual_advice = "Nothing is to be done: it starts once its schedule allows it."


class TransferInterruptedError(TransientError):
    """The connection or the transfer program broke off midway."""

    code = "transfer-interrupted"


class TransferTimeoutError(TransientError):
    """Nothing moved for too long, or the whole took too long."""

    code = "transfer-timeout"


class DatabaseBusyError(TransientError):
    """Others wrote to the database for longer than anybody waits."""

    code = "database-busy"
    usual_advice = "Try again."


class TooBusyError(TransientError):
    """Too many have asked for what takes long already."""

    code = "too-busy"
    usual_meaning = "Nothing was looked at or changed. Backups go on."
    usual_advice = "Try again in a few seconds."


class DatabaseUnreachableError(TransientError):
    """The database server does not answer, or the connection to it broke off."""

    code = "database-unreachable"
    usual_meaning = "What was not committed is not there; nothing was written by halves."
    usual_advice = "See whether the database runs; 'bck db status' tells when it answers."


class DatabaseMovedError(TransientError):
    """The installation moves to another database, or has moved since this process opened it."""

    code = "database-moved"
    usual_meaning = "Nothing was written. Jobs that were asked for before go along, and on."
    usual_advice = "Try again in a few seconds."


class DeliveryFailedError(TransientError):
    """A mail server or web address did not take a message to people."""

    code = "delivery-failed"
    usual_meaning = "Backups go on; the message waits and is tried again."
    usual_advice = "See 'bck notify list', mend the settings, then try: bck notify test."


class StoreBusyError(TransientError):
    """Another run, or what is left of one, holds the profile's storage lock."""

    code = "store-busy"


class PermanentError(BckError):
    """Trying again changes nothing until a person acts."""

    code = "permanent"
    usual_meaning = "Trying again changes nothing by itself; nothing kept was lost."
    usual_advice = "Mend what stands in the way, then start again."


class AuthenticationError(PermanentError):
    """The host refused what it was shown: our key, certificate or password."""

    code = "authentication-refused"


class PrivateKeyError(PermanentError):
    """Our own private key for the host cannot be read: damaged, or none. The host was not asked."""

    code = "private-key-unreadable"


class SealBrokenError(PermanentError):
    """What was sealed for the runner cannot be opened: for another key or job, or altered."""

    code = "seal-broken"
    usual_meaning = "Nobody can read it any more, and nothing was done with it."
    usual_advice = "Start the work again, with the password."


class HostKeyChangedError(PermanentError):
    """The host shows another key than the pinned one: reinstalled, or an impostor."""

    code = "host-key-changed"
    pinned: tuple[str, ...] = ()
    """Fingerprints of the keys that are pinned."""
    shown: tuple[str, ...] = ()
    """Fingerprints of the keys that it shows now; empty where that is not known."""


class HostKeyUnknownError(PermanentError):
    """No host key is pinned for this host yet."""

    code = "host-key-unknown"


class HostNotEnrolledError(HostKeyUnknownError):
    """The host waits for its PC to redeem an enrolment token."""

    code = "host-not-enrolled"


class RsyncMissingError(PermanentError):
    """The host has no usable rsync, or its account refuses to start it."""

    code = "rsync-missing"


class SourceMissingError(PermanentError):
    """No source of the profile could be read."""

    code = "source-missing"


class FilesMissingError(PermanentError):
    """Most files of a source had vanished: an accident, or meant? A person must look and say."""

    code = "files-missing"


class MuchUnreadError(PermanentError):
    """More than a tenth of what a source held could not be read: the run is no good backup."""

    code = "much-unread"


class ContentForgedError(PermanentError):
    """The host sent, unasked, other bytes under the size, time and digest of a file: no honest one does."""

    code = "content-forged"


class TransferFailedError(PermanentError):
    """The transfer ended in a way that no retry mends."""

    code = "transfer-failed"


class SentTwiceError(PermanentError):
    """The host sent one file twice in one transfer, which no honest rsync does: its copies were aimed at."""

    code = "sent-twice"


class JobGivenUpError(PermanentError):
    """One runner after another died or fell silent over the job."""

    code = "job-given-up"


class VetoedError(PermanentError):
    """A plugin refused the run and said why."""

    code = "vetoed"


ALARMS = frozenset({HostKeyChangedError.code, SentTwiceError.code, ContentForgedError.code})
"""Codes of errors that no honest host causes: another machine stands in its place, or it was taken over."""


class StoreFullError(BckError):
    """No bytes, inodes or quota left in the backup storage: stop, keep everything, raise the alarm."""

    code = "store-full"
    usual_meaning = "Nothing more can be stored; everything kept so far stays."
    usual_advice = "Make room in the backup storage, then start again."


class QuotaExceededError(StoreFullError):
    """What is stored of one host has reached its quota: its run stops; other hosts are not concerned."""

    code = "quota-exceeded"


class StorageError(BckError):
    """The storage is damaged or not as it must be."""

    code = "storage"
    usual_meaning = "The storage, or a record in it, is not as it must be."
    usual_advice = "Look with 'bck doctor'. If it is damaged, keep it as it is until you know why."


class DatabaseDamagedError(StorageError):
    """The database is damaged, empty or gone: only the index; the storage itself is not touched by that."""

    code = "database-damaged"
    usual_meaning = "It is only an index: every backup is in the storage, and stays."
    usual_advice = "Stop 'bck serve', then: bck catalog rebuild"


class JobCancelledError(BckError):
    """A person or a shutdown asked to stop."""

    code = "cancelled"
    usual_meaning = "Everything kept so far stays."
    usual_advice = "Start it again when you like."


class LeaseLostError(BckError):
    """The job belongs to another runner now: this one must write nothing more."""

    code = "lease-lost"
    usual_meaning = "Another runner goes on with the job; this one writes nothing more."
    usual_advice = "Nothing has to be done."


class InvalidInputError(BckError):
    """Wrong use: a value is malformed. Nothing was changed."""

    code = "invalid-input"
    usual_meaning = "Nothing was changed."
    usual_advice = "Correct it and try again."


class PathRefusedError(InvalidInputError):
    """A text is no full path on a host of that platform, or one that cannot be compared with others."""

    code = "path-refused"
    fault = ""
    """Which of the reasons it is, see :mod:`bckcore.domain.path_refusals`."""


class NotFoundError(BckError):
    """What was named does not exist."""

    code = "not-found"
    profile = ""
    """The profile that was not found; empty where it was something else."""
    usual_meaning = "Nothing was changed."
    usual_advice = "See what there is: 'bck host list', 'bck profile list', 'bck jobs', 'bck points PROFILE'."


def unknown_profile(profile: str, *, meaning: str = "", advice: str = "") -> NotFoundError:
    """The error for a profile that the database lacks."""
    error = NotFoundError(f"There is no profile {profile}.", meaning=meaning, advice=advice)
    error.profile = profile
    return error


class ConflictError(BckError):
    """It exists already, or its state forbids the step. Nothing was changed."""

    code = "conflict"
    usual_meaning = "Nothing was changed."
    usual_advice = "Look at what is there already, or choose another name."


def host_in_use(host: str, profile: str) -> ConflictError:
    """The error for a host that cannot be removed, naming a profile that uses it."""
    return ConflictError(
        f"The profile {profile} uses the host {host}.",
        advice=f"To stop its backups: bck profile set {profile} --disable. To remove both, first the "
        f"profile: bck profile remove {profile}; what is stored stays.",
    )


class IllegalTransitionError(ConflictError):
    """A job cannot go from this state to that one."""

    code = "illegal-transition"


class RefusedError(BckError):
    """Understood, and not allowed."""

    code = "refused"
    usual_meaning = "Nothing was changed."
    usual_advice = "Ask an administrator whether it should be allowed."


class PathNotAllowedError(RefusedError):
    """A path lies outside the host's allow-list."""

    code = "path-not-allowed"


class AccessDeniedError(RefusedError):
    """Not signed in, or the role does not permit it."""

    code = "access-denied"
    usual_meaning = "Nothing was shown or changed."
    usual_advice = "Sign in again, or ask an administrator."


class SecondFactorNeededError(AccessDeniedError):
    """The password was right; a code of the account's second factor is needed as well."""

    code = "second-factor-needed"
    usual_advice = "Send the same again with `code`: six digits from the phone, or a recovery code."


class TooManyAttemptsError(RefusedError):
    """Too many failed attempts: nothing was looked at, and nothing is before ``wait_seconds`` are over."""

    code = "too-many-attempts"
    usual_meaning = "Nothing was looked at: somebody may be guessing."
    usual_advice = (
        "Wait. Who has the right password and is in a hurry asks an administrator: bck user unlock NAME"
    )

    def __init__(self, what: str, *, meaning: str = "", advice: str = "", wait_seconds: int = 1) -> None:
        super().__init__(what, meaning=meaning, advice=advice)
        self.wait_seconds = wait_seconds
