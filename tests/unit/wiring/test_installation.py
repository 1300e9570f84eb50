"""Making and opening an installation: what is refused is said, and leaves nothing behind."""

from pathlib import Path

import pytest

from bck_apps.wiring import initialise, open_application
from bck_apps.wiring.settings import load
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError, NotFoundError, RefusedError, StorageError

GOOD = Secret("correct horse battery")


@pytest.mark.parametrize(
    ("admin", "password"), [("ada", "short"), ("ada", ""), ("no/name", "long enough password")]
)
def test_a_refused_init_leaves_nothing_behind(tmp_path: Path, admin: str, password: str) -> None:
    with pytest.raises(InvalidInputError):
        initialise(tmp_path / "home", storage=tmp_path / "store", admin=admin, password=Secret(password))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exists", [False, True])
def test_an_unusable_storage_is_said_and_nothing_is_left(tmp_path: Path, exists: bool) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    home = tmp_path / "new" / "home"
    if exists:
        home.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot hold the backup storage: Permission denied") as caught:
        initialise(home, storage=locked / "x", admin="ada", password=GOOD)
    assert "Nothing was stored there" in caught.value.meaning
    assert "install -d -m 700 -o" in caught.value.advice
    assert home.exists() is exists
    assert (tmp_path / "new").exists() is exists
    assert not exists or list(home.iterdir()) == []


def test_a_file_is_no_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for storage in ("file", "file/below"):
        with pytest.raises(StorageError, match="cannot hold the backup storage"):
            initialise(tmp_path / "home", storage=tmp_path / storage, admin="ada", password=GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_of_other_files_is_no_storage_and_stays_as_it_is(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "README.txt").write_text("about my photos")
    with pytest.raises(StorageError, match=r"not empty and holds no backup storage: README\.txt"):
        initialise(tmp_path / "home", storage=photos, admin="ada", password=GOOD)
    assert {path.name: path.read_text() for path in photos.iterdir()} == {"README.txt": "about my photos"}
    assert not (tmp_path / "home").exists()


def test_a_fresh_file_system_and_a_copied_storage_are_taken(tmp_path: Path) -> None:
    fresh, copied = tmp_path / "fresh", tmp_path / "copied"
    (fresh / "lost+found").mkdir(parents=True)
    (fresh / ".Trash-1000").mkdir()
    (copied / "current" / "pc1").mkdir(parents=True)
    (copied / "notes.txt").write_text("moved in May")
    for storage in (fresh, copied):
        initialise(tmp_path / f"home-{storage.name}", storage=storage, admin="ada", password=GOOD).close()
        assert (storage / "restore.sh").exists()


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    initialise(tmp_path / "home", storage=tmp_path / "store", admin="ada", password=GOOD).close()
    before = (tmp_path / "home" / "settings.toml").read_bytes()
    with pytest.raises(RefusedError):
        initialise(tmp_path / "home", storage=tmp_path / "other", admin="bob", password=GOOD)
    assert (tmp_path / "home" / "settings.toml").read_bytes() == before
    assert not (tmp_path / "other").exists()


def test_restores_never_go_into_the_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("BCK_LOGGING__FILE", str(tmp_path / "logs" / "bck.log"))
    with initialise(tmp_path / "home", storage=tmp_path / "store", admin="ada", password=GOOD) as application:
        targets = application.container.targets()
        for folder in ("home/x", "home/tls/x", "home", "store/current", "store", "logs"):
            with pytest.raises(RefusedError):
                targets.claim(tmp_path / folder)
        with targets.claim(tmp_path / "elsewhere") as target:
            assert target.path == tmp_path / "elsewhere"


def test_a_setting_is_refused_where_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[api]\nport = 99999\n")
    with pytest.raises(InvalidInputError, match=r"settings\.toml, api\.port: "):
        load(tmp_path)
    file.write_text("[api]\nport = 8443\n")
    monkeypatch.setenv("BCK_RUNNER__JOBS", "abc")
    with pytest.raises(InvalidInputError, match="the variable BCK_RUNNER__JOBS: "):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[api\n", b"[nothing]\nknown = 1\n"])
def test_settings_that_cannot_be_read_are_a_refusal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    with pytest.raises(InvalidInputError) as refused:
        load(tmp_path)
    assert "settings.toml" in refused.value.what


def test_no_installation_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="bck init"):
        open_application(tmp_path)
