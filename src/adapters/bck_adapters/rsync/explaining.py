"""What went wrong on the way in, told so that a person can act: both fingerprints, what fits the login."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bckcore.domain.host import Host
from bckcore.domain.login import Login
from bckcore.domain.ssh_trust import named_key
from bckcore.errors import AuthenticationError, HostKeyChangedError, JobCancelledError


@contextmanager
def explained(host: Host, scan: Callable[[Host], Sequence[str]]) -> Iterator[None]:
    """Errors of the context come out with what concerns this host. ``scan`` gives the keys it shows now."""
    try:
        yield
    except HostKeyChangedError as error:
        if error.pinned:
            raise
        raise _with_fingerprints(host, error, scan) from error
    except AuthenticationError as error:
        raise AuthenticationError(
            error.what, meaning=error.meaning, advice=_ADVICE[host.login].format(host=host.id)
        ) from error


_ADVICE = {
    Login.KEY: "Put the public key into the account's authorized_keys (bck host key {host} prints the line), "
    "or give the right key: bck host set {host} --key FILE",
    Login.OWN_KEY: "Put the line that this prints into the account's authorized_keys: bck host key {host}",
    Login.CERTIFICATE: "Put the line that this prints into the account's authorized_keys: "
    "bck host key {host}. See that both clocks are right: a certificate counts for minutes. "
    "The PC's log has the reason.",
    Login.PASSWORD: "Give the right password with the start, or keep it: "
    "bck host set {host} --password-stdin. See that its sshd takes passwords.",
}


def _with_fingerprints(
    host: Host, error: HostKeyChangedError, scan: Callable[[Host], Sequence[str]]
) -> HostKeyChangedError:
    pinned = tuple(map(named_key, host.host_keys))
    shown = error.shown
    if not shown:
        try:
            shown = tuple(map(named_key, scan(host)))
        except JobCancelledError:
            raise
        except Exception:  # noqa: BLE001  # nothing that such a host does may take the alarm's place
            shown = ()
    told = HostKeyChangedError(
        f"{host.id} shows another host key than the pinned one. Pinned: {', '.join(pinned)}. "
        f"Shown now: {', '.join(shown) or 'it does not answer any more'}.",
        meaning=error.meaning,
        advice=error.advice,
    )
    told.pinned, told.shown = pinned, shown
    return told
