"""An installation of an older version is brought up to date by whatever opens it, on either database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.sql.engine import make_engine
from tests.support.cli import Bck
from tests.support.old_rows import STEPS, fill_at
from tests.support.postgresql import fresh_database

pytestmark = pytest.mark.sqlite  # each story says itself where its database is


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    with fresh_database() as address:
        yield address


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    (tmp_path / "server").mkdir()
    # The old rows hold a profile that is due, of a host that is not there.
    return Bck(tmp_path / "server", {"BCK_SCHEDULER__ENABLED": "false", "BCK_CHECK__ENABLED": "false"})


def with_database_of(bck: Bck, url: str, step: str) -> None:
    """The installation has a database as the version of that step left it."""
    bck.init("--database", f"sqlite:///{bck.folder / 'fresh.db'}")
    engine = make_engine(url)
    fill_at(engine, step)
    engine.dispose()
    settings = bck.home / "settings.toml"
    settings.write_text(settings.read_text().replace(f"sqlite:///{bck.folder / 'fresh.db'}", url))


def is_whole(bck: Bck) -> None:
    assert [host["name"] for host in bck.ok("host", "list")["items"]] == ["pc1"]
    assert [profile["name"] for profile in bck.ok("profile", "list")["items"]] == ["docs"]
    assert [point["seq"] for point in bck.ok("points", "docs")["items"]] == [1]
    status = bck.ok("db", "status")
    assert status["schema_step"] == status["newest_step"] == STEPS[-1]


def test_by_the_verb_for_it(bck: Bck, url: str) -> None:
    with_database_of(bck, url, "0001")
    assert bck.ok("db", "upgrade") == {"from": "0001", "to": STEPS[-1], "changed": True}
    assert bck.ok("db", "upgrade") == {"from": STEPS[-1], "to": STEPS[-1], "changed": False}
    is_whole(bck)


def test_by_a_server_that_starts(bck: Bck, url: str) -> None:
    with_database_of(bck, url, "0011")
    with bck.serving():
        is_whole(bck)


def test_a_fresh_one_begins_at_the_newest_step(bck: Bck, url: str) -> None:
    bck.init("--database", url)
    assert bck.ok("db", "upgrade") == {"from": STEPS[-1], "to": STEPS[-1], "changed": False}
