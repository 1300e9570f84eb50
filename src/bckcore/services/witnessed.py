"""Witnessed: units of work that enter changes into the audit log by themselves, in the same transaction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, cast

from bckcore.domain.access import User
from bckcore.domain.act import Act, ActKind
from bckcore.domain.audit import Action, Deed, Outcome
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.host import Host
from bckcore.domain.ids import EnrolmentId, HostId, ProfileId, SecretRef
from bckcore.domain.paths import percent_encoded
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.session import Session
from bckcore.errors import BckError
from bckcore.ports.job_queue import Claim
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.evidence import Entered, Evidence, Witness

_ACTS = {
    ActKind.PRUNE: Action.PRUNE,
    ActKind.HOLD: Action.HOLD,
    ActKind.RELEASE: Action.RELEASE,
    ActKind.FORGET: Action.FORGET,
}
_AT_ONCE = timedelta(minutes=1)
"""An act is entered right after it was decided; one that is older comes from the storage's records."""


def witnessed_units(units: UnitOfWorkFactory, witness: Witness) -> UnitOfWorkFactory:
    """The same units; those that write enter changes of hosts, profiles, users and histories as well."""

    def made(*, read_only: bool = False) -> UnitOfWork:
        inner = units(read_only=read_only)
        return inner if read_only else cast("UnitOfWork", _WitnessedUnit(inner, witness))

    return made


class _WitnessedUnit:
    """Hands everything on; seven repositories are watched, and the end of the log is noted after a commit."""

    def __init__(self, inner: UnitOfWork, witness: Witness) -> None:
        self._inner = inner
        self._witness = witness
        self._entered: list[Entered] = []
        self.hosts = _Hosts(inner, self)
        self.profiles = _Profiles(inner, self)
        self.users = _Users(inner, self)
        self.sessions = _Sessions(inner, self)
        self.device_tokens = _DeviceTokens(inner, self)
        self.enrolments = _Enrolments(inner, self)
        self.acts = _Acts(inner, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        self._witness.writing = self.enter
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._witness.writing = None
        self._inner.__exit__(kind, error, trace)

    def tell(self, action: Action, **values: object) -> None:
        """Enter what the present actor does."""
        self.enter(self.deed(action, **values))

    def deed(self, action: Action, **values: object) -> Deed:
        """What the present actor does."""
        return self._witness.deed(action, Outcome.DONE, **values)

    def enter(self, deed: Deed) -> None:
        """Enter a deed."""
        before = self._entered[-1] if self._entered else None
        self._entered.append(self._witness.entered(self._inner, deed, before=before))

    def commit(self, *, claim: Claim | None = None) -> None:
        """See the port; what was entered is remembered outside as well."""
        self._inner.commit(claim=claim)
        done, self._entered = self._entered, []
        self._witness.remember(done)


def _difference(before: Any, after: Any) -> dict[str, str]:
    """Which fields differ, and what they are now. Of a host or profile no field holds a secret itself."""
    names = [one.name for one in fields(after) if getattr(before, one.name) != getattr(after, one.name)]
    now = "; ".join(f"{name}={_new(getattr(after, name), getattr(before, name))}" for name in names)
    was = "; ".join(f"{name}={_new(getattr(before, name), getattr(after, name))}" for name in names)
    return {"changed": " ".join(names), "now": now, "was": was}


def _new(value: object, other: object) -> object:
    """Of a list what the other one lacks: in a long one that would be cut off. All of it where only the order
    differs."""
    if not isinstance(value, tuple) or not isinstance(other, tuple):
        return value
    lacking = tuple(one for one in value if one not in other)
    return value if not lacking and all(one in value for one in other) else lacking


class _Watched:
    def __init__(self, inner: UnitOfWork, unit: _WitnessedUnit) -> None:
        self._inner: Any = self._repository(inner)
        self._unit = unit

    def _repository(self, inner: UnitOfWork) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Hosts(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.hosts

    def add(self, host: Host) -> None:
        """See the port."""
        self._inner.add(host)
        keys, login = _listed(host.host_keys), host.login.value
        self._unit.tell(Action.HOST_ADDED, host=host.id, address=host.address, keys=keys, login=login)

    def update(self, host: Host) -> None:
        """See the port."""
        before = self._inner.get(host.id)
        self._inner.update(host)
        self._unit.tell(Action.HOST_CHANGED, host=host.id, **_difference(before, host))

    def remove(self, host: HostId) -> None:
        """See the port."""
        self._inner.remove(host)
        self._unit.tell(Action.HOST_REMOVED, host=host)


class _Profiles(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.profiles

    def add(self, profile: Profile) -> None:
        """See the port."""
        self._inner.add(profile)
        sources = _listed(f"{one.name}={one.path}" for one in profile.sources)
        self._unit.tell(Action.PROFILE_ADDED, profile=profile.id, host=profile.host, sources=sources)

    def update(self, profile: Profile) -> None:
        """See the port."""
        before = self._inner.get(profile.id)
        self._inner.update(profile)
        self._unit.tell(Action.PROFILE_CHANGED, profile=profile.id, **_difference(before, profile))

    def remove(self, profile: ProfileId) -> None:
        """See the port."""
        self._inner.remove(profile)
        self._unit.tell(Action.PROFILE_REMOVED, profile=profile)


class _Users(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.users

    def add(self, user: User) -> None:
        """See the port."""
        self._inner.add(user)
        self._unit.tell(Action.USER_ADDED, user=user.name, role=user.role.value)

    def update(self, user: User) -> None:
        """See the port."""
        before = self._inner.get(user.name)
        self._inner.update(user)
        changed = [one.name for one in fields(user) if getattr(before, one.name) != getattr(user, one.name)]
        role = user.role.value if "role" in changed else ""
        self._unit.tell(Action.USER_CHANGED, user=user.name, changed=" ".join(changed), role=role)

    def remove(self, name: str) -> None:
        """See the port."""
        self._inner.remove(name)
        self._unit.tell(Action.USER_REMOVED, user=name)


class _Sessions(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.sessions

    def update(self, session: Session) -> None:
        """See the port. That a session goes on is not entered, only that somebody ends it."""
        before = self._inner.get(session.id)
        self._inner.update(session)
        if session.ended is not None and before.ended is None:
            self._unit.tell(Action.LOGOUT, user=session.user, session=session.id, why=session.reason)


class _DeviceTokens(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.device_tokens

    def add(self, token: DeviceToken) -> None:
        """See the port."""
        self._inner.add(token)
        scopes = _listed(token.scopes)
        self._unit.tell(
            Action.TOKEN_ADDED, token=token.id, host=token.host, scopes=scopes, expires=token.expires
        )

    def update(self, token: DeviceToken) -> None:
        """See the port; a token changes only by being revoked."""
        self._inner.update(token)
        if token.revoked is not None:
            self._unit.tell(Action.TOKEN_REVOKED, token=token.id, host=token.host)


class _Enrolments(_Watched):
    """That a token is used is entered by whoever uses it, with what came of it."""

    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.enrolments

    def add(self, token: EnrolmentToken) -> None:
        """See the port."""
        self._inner.add(token)
        replacing = "yes" if token.replace_host_key else ""
        self._unit.tell(
            Action.ENROLMENT_OPENED,
            enrolment=token.id,
            host=token.host,
            expires=token.expires,
            replace_host_key=replacing,
        )

    def revoke(self, token: EnrolmentId, at: datetime) -> None:
        """See the port."""
        self._inner.revoke(token, at)
        found = self._inner.find(token)
        self._unit.tell(Action.ENROLMENT_REVOKED, enrolment=token, host=found.host if found else "")


class _Acts(_Watched):
    def _repository(self, inner: UnitOfWork) -> Any:
        return inner.acts

    def add(self, act: Act) -> None:
        """See the port; an act that is there already is entered no second time."""
        known = self._inner.last(act.profile)
        self._inner.add(act)
        if act.number <= known:
            return
        deed = self._unit.deed(
            _ACTS[act.kind],
            profile=act.profile,
            host=act.host,
            act=act.number,
            act_at=act.at.isoformat(),
            by=act.by,
            reason=act.reason,
            points=_listed(map(str, act.points)),
            paths=_listed(f"{source}/{percent_encoded(path)}" for source, path in act.paths),
            expires=act.expires.isoformat() if act.expires else "",
        )
        late = deed.at - act.at > _AT_ONCE
        self._unit.enter(replace(deed, outcome=Outcome.REPLAYED) if late else deed)


def _listed(texts: Iterable[str]) -> str:
    return " ".join(texts)


class WitnessedVault:
    """Vault: what is put in or taken out is entered by its name, never by its value."""

    def __init__(self, vault: Vault, evidence: Evidence) -> None:
        self._vault = vault
        self._evidence = evidence

    def put(self, ref: SecretRef, secret: Secret[str]) -> None:
        """See the port."""
        with self._entered(Action.KEY_STORED, ref):
            self._vault.put(ref, secret)

    def get(self, ref: SecretRef) -> Secret[str]:
        """See the port."""
        return self._vault.get(ref)

    def delete(self, ref: SecretRef) -> None:
        """See the port."""
        with self._entered(Action.KEY_REMOVED, ref):
            self._vault.delete(ref)

    def undo_put(self, ref: SecretRef, before: Secret[str] | None) -> None:
        """See the port. The put's own entry goes with the unit that failed."""
        self._vault.undo_put(ref, before)

    @contextmanager
    def _entered(self, action: Action, ref: SecretRef) -> Iterator[None]:
        """Entered before it is done; and once more, as failed, where it then was not."""
        self._evidence.tell(action, secret=ref)
        try:
            yield
        except BckError as error:
            self._evidence.tell_after(action, Outcome.FAILED, secret=ref, why=error.code)
            raise
