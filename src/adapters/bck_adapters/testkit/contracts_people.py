"""What repositories of sessions, device tokens and throttles promise. Subclass and give ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.samples import START
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.ids import HostId, SessionId, TokenId
from bckcore.domain.session import RefreshToken, Session
from bckcore.domain.throttle import Throttle
from bckcore.errors import ConflictError, NotFoundError
from bckcore.plugins.registry import Database

DAY = timedelta(days=1)


def sample_session(name: str = "s1", user: str = "anna") -> Session:
    """A session with every field set to something of its own."""
    return Session(
        id=SessionId(name),
        user=user,
        created=START,
        used=START + timedelta(minutes=1),
        expires=START + DAY,
        address="192.0.2.7",
        client="a ü client",
        ended=START + timedelta(minutes=2),
        reason="signed out",
    )


def sample_token(name: str = "t1", host: str = "pc1") -> DeviceToken:
    """A device token with every field set to something of its own."""
    return DeviceToken(
        id=TokenId(name),
        name="ü laptop",
        host=HostId(host),
        scopes=("start", "watch"),
        digest=f"{name:0>64}",
        created=START,
        created_by="anna",
        expires=START + DAY,
        revoked=START + timedelta(hours=1),
    )


class PeopleContract:
    """Sessions, device tokens, throttles."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError

    def test_sessions_come_back_whole_and_the_newest_first(self, database: Database) -> None:
        old, open_one = sample_session(), replace(sample_session("s2"), ended=None, reason="")
        young = replace(
            sample_session("s3", "zoe"), created=START + timedelta(seconds=1), ended=None, reason=""
        )
        with database.units() as uow:
            for one in (old, young, open_one):
                uow.sessions.add(one)
            assert list(uow.sessions.list()) == [young, open_one, old]
            assert list(uow.sessions.list("anna")) == [open_one, old]
            for user, found in ((None, [young, open_one]), ("anna", [open_one]), ("zoe", [young])):
                assert list(uow.sessions.list(user, alive_at=START)) == found
                assert list(uow.sessions.list(user, alive_at=START + DAY)) == []
            uow.sessions.update(replace(old, reason="other"))
            assert uow.sessions.get(old.id) == replace(old, reason="other")
            with pytest.raises(ConflictError):
                uow.sessions.add(old)
            for step in (
                lambda: uow.sessions.get(SessionId("none")),
                lambda: uow.sessions.update(sample_session("none")),
                lambda: uow.sessions.add_token(
                    RefreshToken(digest="d", session=SessionId("none"), issued=START)
                ),
            ):
                with pytest.raises(NotFoundError):
                    step()

    def test_a_refresh_token_is_used_once(self, database: Database) -> None:
        token = RefreshToken(digest="d" * 64, session=SessionId("s1"), issued=START)
        with database.units() as uow:
            uow.sessions.add(sample_session())
            uow.sessions.add_token(token)
            assert uow.sessions.token(token.digest) == token
            assert uow.sessions.token("e" * 64) is None
            assert uow.sessions.use_token(token.digest, START + DAY)
            assert not uow.sessions.use_token(token.digest, START)
            assert not uow.sessions.use_token("e" * 64, START)
            assert uow.sessions.token(token.digest) == replace(token, used=START + DAY)
            with pytest.raises(ConflictError):
                uow.sessions.add_token(token)

    def test_expired_sessions_go_with_their_tokens(self, database: Database) -> None:
        with database.units() as uow:
            for name, expires in (("old", START), ("young", START + DAY)):
                uow.sessions.add(replace(sample_session(name), expires=expires))
                uow.sessions.add_token(RefreshToken(digest=name, session=SessionId(name), issued=START))
            uow.sessions.purge(START + timedelta(seconds=1), used_before=START)
            assert [one.id for one in uow.sessions.list()] == ["young"]
            assert uow.sessions.token("old") is None
            assert uow.sessions.token("young") is not None

    def test_refresh_tokens_that_were_used_long_ago_go_though_their_session_lives(
        self, database: Database
    ) -> None:
        with database.units() as uow:
            uow.sessions.add(replace(sample_session(), expires=START + DAY))
            for name in ("long ago", "lately", "not yet"):
                uow.sessions.add_token(RefreshToken(digest=name, session=SessionId("s1"), issued=START))
            uow.sessions.use_token("long ago", START)
            uow.sessions.use_token("lately", START + timedelta(seconds=2))
            uow.sessions.purge(START, used_before=START + timedelta(seconds=1))
            left = [name for name in ("long ago", "lately", "not yet") if uow.sessions.token(name)]
            assert left == ["lately", "not yet"]

    def test_addresses_of_a_persons_sessions_are_told_once_each(self, database: Database) -> None:
        with database.units() as uow:
            for name, who, address in (("s1", "anna", "a"), ("s2", "anna", "a"), ("s3", "anna", "b")):
                uow.sessions.add(replace(sample_session(name, who), address=address))
            uow.sessions.add(replace(sample_session("s4", "zoe"), address="c"))
            assert sorted(uow.sessions.addresses("anna")) == ["a", "b"]
            assert list(uow.sessions.addresses("nobody")) == []

    def test_device_tokens_come_back_whole_by_host(self, database: Database) -> None:
        second, first = sample_token(host="pc2"), replace(sample_token("t2"), revoked=None)
        with database.units() as uow:
            uow.device_tokens.add(second)
            uow.device_tokens.add(first)
            assert list(uow.device_tokens.list()) == [first, second]
            assert uow.device_tokens.find(first.digest) == first
            assert uow.device_tokens.find("0" * 64) is None
            uow.device_tokens.update(replace(first, revoked=START))
            assert uow.device_tokens.get(first.id) == replace(first, revoked=START)
            with pytest.raises(ConflictError):
                uow.device_tokens.add(first)
            for step in (
                lambda: uow.device_tokens.get(TokenId("none")),
                lambda: uow.device_tokens.update(sample_token("none")),
            ):
                with pytest.raises(NotFoundError):
                    step()

    def test_throttles_are_replaced_and_forgotten_by_prefix_and_age(self, database: Database) -> None:
        def made(key: str, failures: int = 1) -> Throttle:
            return Throttle(key=key, failures=failures, last=START, until=START + DAY)

        with database.units() as uow:
            for key in ("known:a%:1", "known:a_:2", "known:ab:3"):
                uow.throttles.put(made(key))
            uow.throttles.put(made("known:ab:3", 7))
            assert uow.throttles.get("known:ab:3") == made("known:ab:3", 7)
            assert uow.throttles.get("known:") is None
            assert uow.throttles.remove("known:a%") == 1
            assert uow.throttles.remove("known:a_") == 1
            assert uow.throttles.remove("none") == 0
            uow.throttles.purge(START)
            assert uow.throttles.get("known:ab:3") is not None
            uow.throttles.purge(START + timedelta(seconds=1))
            assert uow.throttles.get("known:ab:3") is None

    def test_a_read_only_unit_refuses_to_write_any_of_them(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            for step in (
                lambda: uow.sessions.add(sample_session()),
                lambda: uow.sessions.update(sample_session()),
                lambda: uow.sessions.use_token("d", START),
                lambda: uow.sessions.purge(START, used_before=START),
                lambda: uow.device_tokens.add(sample_token()),
                lambda: uow.device_tokens.update(sample_token()),
                lambda: uow.throttles.remove("x"),
                lambda: uow.throttles.purge(START),
                lambda: uow.users.remove("anna"),
            ):
                with pytest.raises(ConflictError):
                    step()
