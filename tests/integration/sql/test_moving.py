"""An installation that moves is at every moment in one place, and can be opened there."""

import tomllib

import pytest

from bck_adapters.testkit.samples import sample_job
from bck_apps.wiring import DatabasePlace, initialise, move_installation, open_application
from bckcore.domain.audit import Action
from bckcore.domain.ids import SecretRef
from bckcore.domain.job import JobKind
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import (
    BckError,
    ConflictError,
    DatabaseDamagedError,
    InvalidInputError,
    StorageError,
)

pytestmark = pytest.mark.sqlite  # each test says itself where its database is


def place(path, password=""):
    """SQLite asks for no password; where it is kept is the same for every database."""
    return DatabasePlace(url=f"sqlite:///{path}", password=Secret(password) if password else None)


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    initialise(
        home,
        storage=tmp_path / "store",
        names=(),
        admin="ann",
        password=Secret("a long enough password"),
        database=place(home / "first.db", "first"),
    ).close()
    return home


def move(home, target):
    with open_application(home) as application:
        return move_installation(application, target, told=lambda *_: None)


def database_of(home):
    return tomllib.loads((home / "settings.toml").read_text())["database"]


def password_of(home, ref=""):
    with open_application(home) as application:
        return application.container.bare_vault().get(SecretRef(ref or database_of(home)["password_ref"]))


def test_a_move_that_is_cut_before_the_settings_change_leaves_the_old_password_in_its_place(home, tmp_path):
    (home / ".settings.toml.new").mkdir()
    with pytest.raises(StorageError, match="cannot be changed"):
        move(home, place(tmp_path / "second.db", "second"))
    assert password_of(home).reveal() == "first"
    (home / ".settings.toml.new").rmdir()
    move(home, place(tmp_path / "second.db", "second"))
    assert password_of(home).reveal() == "second"
    move(home, place(tmp_path / "third.db", "third"))
    assert password_of(home).reveal() == "third"
    for gone in ("database/password", "database/password-1"):
        with pytest.raises(BckError):
            password_of(home, gone)


def test_settings_that_cannot_be_changed_are_refused_before_anything_is_copied(home, tmp_path):
    settings = home / "settings.toml"
    database = database_of(home)
    text = settings.read_text().partition("[database]")[0]
    settings.write_text(f'database = {{ url = "{database["url"]}" }}\n{text}')
    with pytest.raises(InvalidInputError, match="cannot change"):
        move(home, place(tmp_path / "second.db"))
    assert not (tmp_path / "second.db").exists()


def test_a_move_stands_in_the_audit_log_of_the_new_place(home, tmp_path):
    moved = move(home, place(tmp_path / "second.db"))
    with open_application(home) as application:
        newest = application.evidence.entries()[-1].deed
        assert application.evidence.proof().ok
    assert newest.action is Action.DATABASE_MOVED
    assert dict(newest.about) == {"old": moved.old, "new": moved.new}


def test_an_old_file_that_cannot_be_put_aside_takes_nothing_from_the_move(home, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    move(home, place(folder / "old.db", "old"))
    target = place(tmp_path / "second.db", "second")
    try:
        with (
            open_application(home) as application,
            pytest.raises(StorageError, match=r"old\.db cannot be renamed") as failed,
        ):
            move_installation(application, target, told=lambda *_: folder.chmod(0o500))
    finally:
        folder.chmod(0o700)
    assert failed.value.meaning == "The installation has moved; nothing is lost."
    assert database_of(home)["url"] == f"sqlite:///{tmp_path / 'second.db'}"
    with open_application(home) as application:
        newest = application.evidence.entries()[-1].deed
    assert newest.action is Action.DATABASE_MOVED
    assert password_of(home).reveal() == "second"
    with pytest.raises(BckError):
        password_of(home, "database/password-1")


def test_an_environment_that_names_another_database_is_refused_once_the_installation_has_moved(
    home, tmp_path, monkeypatch
):
    """A server that was started so does not go on with the old database when it opens the new one."""
    monkeypatch.setenv("bck_database__url", f"sqlite:///{home / 'first.db'}")
    open_application(home).close()  # not moved so far: the environment may say so
    monkeypatch.delenv("bck_database__url")
    move(home, place(tmp_path / "second.db"))
    monkeypatch.setenv("bck_database__url", f"sqlite:///{home / 'first.db'}")
    with pytest.raises(InvalidInputError, match="BCK_DATABASE") as refused:
        open_application(home)
    assert "rebuild" not in str(refused.value)
    monkeypatch.setenv("bck_database__url", f"sqlite:///{tmp_path / 'second.db'}")
    open_application(home).close()  # the same place: nothing is overruled


def test_no_database_is_made_in_place_of_one_that_is_not_there(home, tmp_path):
    (home / "first.db").unlink()
    with pytest.raises(DatabaseDamagedError):
        move(home, place(tmp_path / "second.db"))
    assert database_of(home)["url"].endswith("first.db")
    assert not (home / "first.db").exists()


def test_a_job_of_a_runner_that_is_gone_does_not_stop_a_move(home, tmp_path):
    with open_application(home) as application:
        application.container.bare_queue().enqueue(sample_job("j1", JobKind.RESTORE))
        claim = application.container.bare_queue().claim("killed", lease_seconds=60)
    assert claim is not None
    with pytest.raises(ConflictError, match="is running"):
        move(home, place(tmp_path / "second.db"))
    with open_application(home) as application:
        application.container.bare_queue().heartbeat(claim, lease_seconds=1e-6, progress=TransferProgress())
    move(home, place(tmp_path / "second.db"))
    with open_application(home) as application:  # whoever serves takes it up
        assert application.container.bare_queue().claim("next", lease_seconds=60).job.id == "j1"
