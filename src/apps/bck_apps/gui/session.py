"""The tokens of one sign-in: kept in memory, renewed in time and by one request at a time. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from bck_apps.gui.messages import Tokens
from bck_apps.gui.pending import Pending, settled
from bck_apps.gui.problems import (
    ClientError,
    ConnectionFailedError,
    SessionEndedError,
    SignInError,
    TooManyAttemptsError,
)

T = TypeVar("T")
MARGIN = timedelta(minutes=2)
"""An access token is renewed this long before it ends; a short-lived one in its last quarter."""
RETRY = timedelta(seconds=15)


class SessionKeeper:
    """Signed out until ``keep``. What is asked through ``ask`` carries a token that counts.

    A refresh token counts once: the server takes a second use for theft and ends the session. So at most one
    refresh is under way, and whoever asks meanwhile waits for it. ``ended`` is called once when the server no
    longer lets the session go on.
    """

    def __init__(
        self,
        refresh: Callable[[str], Pending[Tokens]],
        *,
        clock: Callable[[], datetime],
        ended: Callable[[SessionEndedError], None],
    ) -> None:
        self._refresh = refresh
        self._clock = clock
        self._ended = ended
        self._tokens: Tokens | None = None
        self._due: datetime | None = None
        self._under_way: Pending[str] | None = None
        self._cut_off = False
        self._refused: TooManyAttemptsError | None = None
        self._not_before: datetime | None = None

    def keep(self, tokens: Tokens) -> None:
        """Signed in, or renewed."""
        life = tokens.expires_at - self._clock()
        self._tokens, self._cut_off = tokens, False
        # By a clock here that is far ahead it has ended already: then the server says when, by a 401.
        self._due = tokens.expires_at - min(MARGIN, life / 4) if life > timedelta() else None

    def forget(self) -> Tokens | None:
        """Signed out: the tokens are given out a last time, to end the session with."""
        tokens, self._tokens = self._tokens, None
        return tokens

    def ask(self, once: Callable[[str], Pending[T]]) -> Pending[T]:
        """Ask with a token, or with an empty one when nobody is signed in. Where the server says that the
        token does not count, ask once more with a fresh one."""
        answer: Pending[T] = Pending()

        def first(token: str) -> None:
            def refused(error: ClientError) -> None:
                if isinstance(error, SignInError) and token:
                    self.renewed(token).then(second, answer.reject)
                else:
                    answer.reject(error)

            once(token).then(answer.resolve, refused)

        def second(token: str) -> None:
            once(token).then(answer.resolve, answer.reject)

        self.ready().then(first, answer.reject)
        return answer

    def ready(self) -> Pending[str]:
        """The token to ask with, fresh if the present one is about to end. While it counts, it is used even
        if it cannot be renewed just now."""
        tokens = self._tokens
        if tokens is None:
            return settled("")
        if self._under_way is None and (self._due is None or self._clock() < self._due):
            return settled(tokens.access_token)
        answer: Pending[str] = Pending()

        def not_now(error: ClientError) -> None:
            if self._tokens is None or self._clock() >= tokens.expires_at:
                answer.reject(error)
            else:
                answer.resolve(tokens.access_token)

        self._renew(tokens).then(answer.resolve, not_now)
        return answer

    def renewed(self, refused: str) -> Pending[str]:
        """Another token than the one that the server has refused; else why there is none."""
        tokens = self._tokens
        if tokens is None:
            none: Pending[str] = Pending()
            none.reject(SessionEndedError("session-ended"))
            return none
        if self._under_way is None and tokens.access_token != refused:
            return settled(tokens.access_token)  # another request has seen to it
        return self._renew(tokens)

    def _renew(self, tokens: Tokens) -> Pending[str]:
        if self._under_way is not None:
            return self._under_way
        answer: Pending[str] = Pending()
        if self._refused is not None and self._not_before is not None and self._clock() < self._not_before:
            answer.reject(self._refused)
            return answer
        self._under_way = answer
        self._refresh(tokens.refresh_token).then(
            lambda fresh: self._took(fresh, answer), lambda error: self._failed(error, answer)
        )
        return answer

    def _took(self, fresh: Tokens, answer: Pending[str]) -> None:
        self._under_way = None
        if self._tokens is None:  # signed out meanwhile
            answer.reject(SessionEndedError("session-ended"))
            return
        self.keep(fresh)
        answer.resolve(fresh.access_token)

    def _failed(self, error: ClientError, answer: Pending[str]) -> None:
        self._under_way = None
        tokens = self._tokens
        if isinstance(error, SignInError) and tokens is not None:
            over = SessionEndedError("session-ended")
            over.why = self._why(tokens)
            self._tokens = None
            answer.reject(over)
            self._ended(over)
            return
        self._due = self._clock() + RETRY
        # The server may have renewed and its answer got lost: then the next try ends the session.
        self._cut_off = self._cut_off or isinstance(error, ConnectionFailedError)
        if isinstance(error, TooManyAttemptsError):
            self._refused = error
            self._not_before = self._clock() + timedelta(seconds=error.wait_seconds)
        answer.reject(error)

    def _why(self, tokens: Tokens) -> str:
        if self._clock() >= tokens.refresh_expires_at:
            return "expired"
        return "cut-off" if self._cut_off else "ended"
