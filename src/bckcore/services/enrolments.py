"""Enrolments: an administrator opens one for a host, and its PC redeems the token, once.

A PC that redeems proves by the token that it is the one that was meant; from then on it is known by the
host keys that it handed over. Why a token does not count is told to nobody: unknown, used, expired, revoked
and wrong ones get one answer, after the same work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from typing import Final

from bckcore.domain.enrolment import USUAL_MINUTES, EnrolmentToken, ShownByHost, checked_minutes
from bckcore.domain.enrolment_text import (
    ID_BYTES,
    SECRET_BYTES,
    TokenParts,
    parsed_token,
    random_parts,
    token_text,
)
from bckcore.domain.events import HostKeyRefused
from bckcore.domain.host import Host
from bckcore.domain.host_key import differing
from bckcore.domain.ids import EnrolmentId, HostId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller, digest_of
from bckcore.domain.ssh_trust import named_key
from bckcore.errors import AccessDeniedError, ConflictError, InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.host_login import HostLogins, HostTrust
from bckcore.services.hosts import HostChange, HostService, end_enrolments, require_covered
from bckcore.services.throttles import Throttles

PURPOSE: Final = "enrol"
KEPT = timedelta(days=30)
"""So long after its end it is still known what became of a token."""
_DECOY = "0" * 64
"""What the secret of an unknown token is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEnrolment:
    """A fresh token; its text is never to be had again."""

    token: EnrolmentToken
    host: Host
    text: Secret[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What a PC learns that redeemed its token."""

    trust: HostTrust
    server: str
    """What this server calls itself, without what a comment in authorized_keys could not hold."""
    addresses: tuple[str, ...]
    """Where its connections come from; empty for anywhere."""

    @property
    def host(self) -> Host:
        """As it is now."""
        return self.trust.host


class Enrolments:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        hosts: HostService,
        logins: HostLogins,
        throttles: Throttles,
        tell: Callable[[HostKeyRefused], None],
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """``tell`` raises the alarm that a PC showed another key than the pinned one; it never raises."""
        self._units = units
        self._hosts = hosts
        self._logins = logins
        self._throttles = throttles
        self._tell = tell
        self._clock = clock
        self._random = random_bytes

    def open(
        self,
        host: HostId,
        change: HostChange,
        *,
        ca_sha256: str,
        created_by: str,
        minutes: int = USUAL_MINUTES,
        replace_host_key: bool = False,
        take_over_history: bool = False,
    ) -> OpenedEnrolment:
        """Make a token for a host, which is made or changed as ``change`` says; one from before ends.

        ``ca_sha256`` is that of the authority by which PCs know this server. With ``take_over_history`` a
        host that is made may have the name of a removed one whose backups or jobs are kept. Raises
        InvalidInputError, ConflictError, and what :meth:`HostService.change` raises.
        """
        life = checked_minutes(minutes)
        saved = self._hosts.await_enrolment(host, change, take_over_history=take_over_history)
        now, parts = self._clock.now(), random_parts(self._random(ID_BYTES + SECRET_BYTES), ca_sha256)
        token = EnrolmentToken(
            id=EnrolmentId(parts.id),
            host=host,
            digest=digest_of(parts.secret),
            created=now,
            created_by=created_by,
            expires=now + life,
            replace_host_key=replace_host_key,
        )
        with self._units() as uow:
            uow.hosts.get(host)
            end_enrolments(uow, host, now)
            uow.enrolments.purge(now - KEPT)
            uow.enrolments.add(token)
            uow.commit()
        return OpenedEnrolment(token=token, host=saved, text=token_text(parts))

    def revoke(self, host: HostId) -> int:
        """No token of the host counts any more; how many did. Raises NotFoundError for an unknown host."""
        with self._units() as uow:
            uow.hosts.get(host)
            count = end_enrolments(uow, host, self._clock.now())
            uow.commit()
        return count

    def open_now(self) -> Sequence[EnrolmentToken]:
        """Those that count, by host."""
        now = self._clock.now()
        with self._units(read_only=True) as uow:
            return [token for token in uow.enrolments.list() if token.open(now)]

    def open_until(self, host: HostId) -> datetime | None:
        """Until when a PC may be enrolled as that host; None if not now."""
        return next((token.expires for token in self.open_now() if token.host == host), None)

    def redeem(self, text: Secret[str], shown: ShownByHost, caller: Caller) -> Enrolled:
        """Pin the host keys that the PC shows, and tell what its sshd must hold.

        Of many that redeem one token, one does. Raises InvalidInputError for a mistyped token, which
        still counts; AccessDeniedError for one that does not; TooManyAttemptsError; ConflictError where the
        PC has another account or gate than the server expects, or is of a platform on which a profile would
        read what is not allowed, and the token still counts, or where another host key is pinned: then the
        token is used, and people are told.
        """
        parts = parsed_token(text)
        with self._throttles.attempt(PURPOSE, caller.address, account=f"{PURPOSE} {parts.id}"):
            with self._units(read_only=True) as uow:
                token = self._valid(uow, parts)
                wanted = _as_shown(uow.hosts.get(token.host), shown, caller, replacing=token.replace_host_key)
            trust = self._logins.trust_of(wanted)  # it may have to make an authority
            refused = self._used(parts, shown, caller)
        if refused is not None:
            self._tell(refused)
            raise _other_key(refused)
        return Enrolled(trust=trust, server=self._logins.server_name, addresses=self._logins.addresses)

    def _used(self, parts: TokenParts, shown: ShownByHost, caller: Caller) -> HostKeyRefused | None:
        """Use the token up and pin the keys, at once; or tell that others are pinned."""
        now = self._clock.now()
        with self._units() as uow:
            token = self._valid(uow, parts)
            before = uow.hosts.get(token.host)
            if not uow.enrolments.use(token.id, now):
                raise _denied()
            refused = None
            if differing(before.host_keys, shown.host_keys) and not token.replace_host_key:
                refused = HostKeyRefused(
                    host=before.id,
                    at=now,
                    address=caller.address,
                    pinned=tuple(map(named_key, before.host_keys)),
                    shown=tuple(map(named_key, shown.host_keys)),
                )
            else:
                wanted = _as_shown(before, shown, caller, replacing=token.replace_host_key)
                if wanted.platform is not before.platform:
                    require_covered(uow, wanted)
                uow.hosts.update(wanted)
            uow.commit()
        return refused

    def _valid(self, uow: UnitOfWork, parts: TokenParts) -> EnrolmentToken:
        found = uow.enrolments.find(EnrolmentId(parts.id))
        right = compare_digest(digest_of(parts.secret), found.digest if found else _DECOY)
        if found is None or not right or not found.open(self._clock.now()):
            raise _denied()
        return found


def _as_shown(host: Host, shown: ShownByHost, caller: Caller, *, replacing: bool) -> Host:
    """The host once it is enrolled. Raises ConflictError, InvalidInputError."""
    if shown.user and shown.user != host.user:
        raise ConflictError(
            f"The server would log in to {host.id} as {host.user}, and the PC has {shown.user} for it.",
            meaning="Nothing was changed. The token still counts.",
            advice=f"On the PC: --user {host.user}. Or on the server: bck host set {host.id} --user NAME",
        )
    if host.host_keys and not replacing:
        return _as_known(host, shown)
    address = host.address or shown.address or _plain_address(caller.address)
    if not address:
        raise InvalidInputError("Nobody said where the server reaches this PC.", advice="Give --address.")
    return replace(
        host,
        address=address,
        gate=shown.gate_command or host.gate,
        platform=shown.platform or host.platform,
        host_keys=shown.host_keys,
        awaits_enrolment=False,
    )


def _as_known(host: Host, shown: ShownByHost) -> Host:
    """The host, known by those of its keys that are shown. They are public, so nothing else is taken from
    whoever shows them with a token that may have leaked. Raises ConflictError, InvalidInputError.
    """
    if differing(host.host_keys, shown.host_keys):  # is refused and told, whatever else is shown
        return host
    if not host.address:
        raise InvalidInputError(
            "Nobody said where the server reaches this PC.",
            advice=f"On the server: bck host set {host.id} --address NAME",
        )
    if host.gate and shown.gate_command and shown.gate_command != host.gate:
        raise ConflictError(
            f"The server knows the gate of {host.id} by another command.",
            meaning="It takes no other one from a PC that is known already. Nothing was changed. "
            "The token still counts.",
            advice=f"On the PC: --gate, as 'bck host show {host.id}' has it. Or on the server: "
            f"bck host set {host.id} --gate COMMAND",
        )
    return replace(host, host_keys=shown.host_keys, awaits_enrolment=False)


def _plain_address(address: str) -> str:
    """Of an IPv4 address that came over IPv6, that alone."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _denied() -> AccessDeniedError:
    return AccessDeniedError(
        "This enrolment token does not count.",
        meaning="It was used, was revoked, has expired, or is not of this server. Nothing was changed.",
        advice="Have another one made on the server: bck host enrol NAME",
    )


def _other_key(refused: HostKeyRefused) -> ConflictError:
    pinned, shown = ", ".join(refused.pinned), ", ".join(refused.shown)
    return ConflictError(
        f"{refused.host} is known by another host key: {pinned}. This PC shows {shown}.",
        meaning="It was installed anew, has a further key, or is another machine. Nothing was changed, "
        "people are told, and the token counts no more.",
        advice=f"If this is the right PC: bck host enrol {refused.host} --replace-host-key",
    )
