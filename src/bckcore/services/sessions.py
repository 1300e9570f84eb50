"""Sessions: sign in, go on, sign out; who holds a token. Accounts themselves are in `access`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bckcore.domain.access import Principal, User
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import LONGEST_CLIENT, Caller, Pass, RefreshToken, Session, digest_of
from bckcore.errors import AccessDeniedError, NotFoundError, SecondFactorNeededError
from bckcore.ports.clock import Clock
from bckcore.ports.tokens import PasswordHasher, Tokens
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.lookup import or_none
from bckcore.services.opaque import new_opaque
from bckcore.services.second_factor import SecondFactors
from bckcore.services.throttles import Throttles

PREFIX = "bckr_"
"""Of refresh tokens."""
USUAL_DAYS = 30
TWICE = "a refresh token was used twice"
MOST = 100
"""Sessions of one account that go on at a time."""
TOO_MANY = f"there were more than {MOST}"
_ENDED_AT_ONCE = 50
"""So many at most end with one sign-in, which nobody is to wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh access token, and what a new one is to be had for."""

    token: Secret[str]
    expires: datetime
    refresh_token: Secret[str]
    session: Session
    user: User


class SessionService:
    """Thread-safe. A session that has ended, and an account that is gone, count for nothing at once."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        hasher: PasswordHasher,
        tokens: Tokens,
        throttles: Throttles,
        factors: SecondFactors,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        days: int = USUAL_DAYS,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._tokens = tokens
        self._throttles = throttles
        self._factors = factors
        self._clock = clock
        self._random = random_bytes
        self._life = timedelta(days=days)

    def sign_in(
        self,
        name: str,
        password: Secret[str],
        caller: Caller = Caller(),  # noqa: B008  # frozen
        *,
        code: Secret[str] | None = None,
    ) -> SignedIn:
        """A session for the right password, and the right code where the account has a second factor.

        Raises AccessDeniedError, the same for every wrong pair and after the same work;
        SecondFactorNeededError for the right pair without the code; TooManyAttemptsError, whether there is
        such an account or not.
        """
        with self._throttles.attempt("login", caller.address, account=name):
            user = self._user(name)
            right = self._hasher.verify(password, user.password_hash if user else self._hasher.decoy)
            if user is None or not right:
                raise _wrong()
            if user.needs_code:
                if code is None:
                    raise SecondFactorNeededError("This account has a second factor.")
                user = self._factors.check(user, code)
            return self._begun(user, password, caller)

    def refresh(self, token: Secret[str], caller: Caller = Caller()) -> SignedIn:  # noqa: B008  # frozen
        """Fresh tokens for a refresh token, which then has been used.

        One that was used before ends its session: either its holder or a thief has used it. Raises
        AccessDeniedError, TooManyAttemptsError.
        """
        with self._throttles.attempt("refresh", caller.address, account=self._holder(token)):
            return self._refreshed(token)

    def _holder(self, token: Secret[str]) -> str | None:
        """The account that a token is or was of; none of one that was made up."""
        with self._units(read_only=True) as uow:
            found = uow.sessions.token(digest_of(token))
            return uow.sessions.get(found.session).user if found else None

    def _refreshed(self, token: Secret[str]) -> SignedIn:
        now = self._clock.now()
        with self._units() as uow:
            session, user = _refreshable(uow, digest_of(token), now)
            if not uow.sessions.use_token(digest_of(token), now):
                uow.sessions.update(session.over(now, TWICE))
                uow.commit()
                raise _denied()
            session = replace(session, used=now, expires=now + self._life)
            uow.sessions.update(session)
            uow.sessions.purge(now, used_before=now - self._life)
            fresh = self._refresh_token(uow, session.id, now)
            uow.commit()
        return self._answer(session, user, fresh)

    def sign_out(self, session: SessionId) -> None:
        """End a session. Safe to repeat."""
        self._end(session, "signed out")

    def revoke(self, session: SessionId, *, by: str) -> Session:
        """End anybody's session. Safe to repeat. Raises NotFoundError."""
        return self._end(session, f"revoked by {by}")

    def revoke_all(self, user: str, *, by: str) -> int:
        """End every session of a person; how many there were."""
        with self._units() as uow:
            count = end_sessions(uow, user, self._clock.now(), f"revoked by {by}")
            uow.commit()
        return count

    def get(self, session: SessionId) -> Session:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.sessions.get(session)

    def list(self, user: str | None = None) -> Sequence[Session]:
        """Sessions of a person, or of everybody, that are alive; the newest first."""
        now = self._clock.now()
        with self._units(read_only=True) as uow:
            return uow.sessions.list(user, alive_at=now)

    def principal_of(self, token: Secret[str]) -> Principal:
        """Who holds this token. Raises AccessDeniedError."""
        return self._principal(self._tokens.check(token, now=self._clock.now()))

    def again(self, who: Principal) -> Principal:
        """The same person as it is now, while its session goes on. Raises AccessDeniedError."""
        return self._principal(Pass(name=who.name, session=SessionId(who.session)))

    def _principal(self, told: Pass) -> Principal:
        with self._units(read_only=True) as uow:
            try:
                session, user = uow.sessions.get(told.session), uow.users.get(told.name)
            except NotFoundError:
                raise _denied() from None
        if session.user != told.name or not session.alive(self._clock.now()):
            raise _denied()
        return Principal(name=user.name, role=user.role, session=session.id)

    def _user(self, name: str) -> User | None:
        with self._units(read_only=True) as uow:
            return or_none(lambda: uow.users.get(name))

    def _begun(self, user: User, password: Secret[str], caller: Caller) -> SignedIn:
        """A session of the account, its hash made anew where it is not as hard as those of today."""
        outdated = self._hasher.outdated(user.password_hash)
        renewed = replace(user, password_hash=self._hasher.hash(password)) if outdated else user
        now = self._clock.now()
        session = Session(
            id=SessionId(self._random(16).hex()),
            user=user.name,
            created=now,
            used=now,
            expires=now + self._life,
            address=caller.address[:LONGEST_CLIENT],
            client=_printable(caller.client),
        )
        with self._units() as uow:
            if not self._still(uow, user, password):  # changed while the password was looked at
                raise _wrong()
            if outdated:
                uow.users.update(renewed)
            uow.sessions.purge(now, used_before=now - self._life)
            _make_room(uow, user.name, now)
            uow.sessions.add(session)
            fresh = self._refresh_token(uow, session.id, now)
            uow.commit()
        return self._answer(session, user, fresh)

    def _still(self, uow: UnitOfWork, user: User, password: Secret[str]) -> bool:
        """The account is as it was; or another sign-in made the hash of this very password anew."""
        found = or_none(lambda: uow.users.get(user.name))
        if found is None or found == user:
            return found is not None
        same = replace(found, password_hash=user.password_hash) == user
        outdated = self._hasher.outdated(user.password_hash)
        return same and outdated and self._hasher.verify(password, found.password_hash)

    def _refresh_token(self, uow: UnitOfWork, session: SessionId, now: datetime) -> Secret[str]:
        fresh = new_opaque(PREFIX, self._random)
        uow.sessions.add_token(RefreshToken(digest=digest_of(fresh), session=session, issued=now))
        return fresh

    def _answer(self, session: Session, user: User, fresh: Secret[str]) -> SignedIn:
        told = Pass(name=user.name, session=session.id)
        token, expires = self._tokens.issue(told, now=self._clock.now())
        return SignedIn(token=token, expires=expires, refresh_token=fresh, session=session, user=user)

    def _end(self, session: SessionId, reason: str) -> Session:
        with self._units() as uow:
            ended = uow.sessions.get(session).over(self._clock.now(), reason)
            uow.sessions.update(ended)
            uow.commit()
        return ended


def _make_room(uow: UnitOfWork, user: str, at: datetime) -> None:
    """End those that were not used for longest, of a program that signs in again and again and never out."""
    used = sorted(uow.sessions.list(user, alive_at=at), key=lambda one: (one.used, one.created))
    for one in used[: min(_ENDED_AT_ONCE, max(0, len(used) - MOST + 1))]:
        uow.sessions.update(one.over(at, TOO_MANY))


def end_sessions(
    uow: UnitOfWork, user: str, at: datetime, reason: str, *, but: SessionId | None = None
) -> int:
    """End a person's sessions, within a unit; how many there were."""
    alive = [one for one in uow.sessions.list(user, alive_at=at) if one.id != but]
    for one in alive:
        uow.sessions.update(one.over(at, reason))
    return len(alive)


def _refreshable(uow: UnitOfWork, digest: str, now: datetime) -> tuple[Session, User]:
    token = uow.sessions.token(digest)
    if token is None:
        raise _denied()
    session = uow.sessions.get(token.session)
    try:
        user = uow.users.get(session.user)
    except NotFoundError:
        raise _denied() from None
    if not session.alive(now):
        raise _denied()
    return session, user


def _wrong() -> AccessDeniedError:
    return AccessDeniedError("The name or the password is wrong.")


def _denied() -> AccessDeniedError:
    return AccessDeniedError("You are not signed in.", advice="Sign in again.")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:LONGEST_CLIENT])
