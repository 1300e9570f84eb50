"""The section of the settings that says where the database is."""

import tomllib

import pytest

from bck_apps.wiring.database import (
    Generation,
    database_place,
    password_in_file,
    put_aside,
    switch,
    with_database,
)
from bckcore.errors import InvalidInputError, StorageError

NEW = {"url": "postgresql://bck@db/bck", "password_ref": "database/password"}
REST = '# mine\n[storage]\nroot = "/srv/b" # here\n'


@pytest.mark.parametrize(
    "before",
    [
        REST,
        REST + '\n[database]\nurl = "sqlite:////old" # old\n\n[api]\nport = 1\n',
        '[database]\npassword_file = "/pw"\n' + REST,
        REST + "[ database ] # empty\n",
        REST + '[api]\nnames = ["[database]"]\n',
    ],
)
def test_the_place_changes_and_all_else_stays(before):
    after = with_database(before, NEW)
    old, new = tomllib.loads(before), tomllib.loads(after)
    assert new.pop("database") == NEW
    old.pop("database", None)
    assert new == old
    assert "# mine" in after
    assert with_database(after, NEW) == after


@pytest.mark.parametrize("before", ['database = { url = "sqlite:////old" }\n', 'database.url = "x"\n'])
def test_a_section_that_cannot_be_changed_is_told_without_the_place_that_is_still_empty(before):
    with pytest.raises(InvalidInputError, match=r"\[database\]") as caught:
        with_database(before, NEW)
    assert "below a line [database]" in caught.value.advice
    assert NEW["url"] not in str(caught.value)
    assert "Nothing was changed" in caught.value.meaning


def test_settings_that_cannot_be_written_are_told_and_stay(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(REST)
    switch(path, NEW["url"], password_ref="", dry_run=True)
    (tmp_path / ".settings.toml.new").mkdir()
    with pytest.raises(StorageError, match="cannot be changed"):
        switch(path, NEW["url"], password_ref="")
    assert path.read_text() == REST


def test_the_file_is_replaced_whole_and_private(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(REST)
    switch(path, NEW["url"], password_ref="")
    assert tomllib.loads(path.read_text())["database"] == {"url": NEW["url"]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["settings.toml"]


def test_a_password_is_taken_out_of_the_address():
    place = database_place("postgres://bck:p%40ss@db:5433/bck?sslmode=require")
    assert place.url == "postgresql://bck@db:5433/bck?sslmode=require"
    assert place.password is not None
    assert place.password.reveal() == "p@ss"
    assert "p@ss" not in repr(place)


def test_a_password_among_the_options_is_refused():
    with pytest.raises(InvalidInputError) as caught:
        database_place("postgresql://bck@db/bck?password=s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_password_file_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "pw"
    file.write_text("word\nmore\n")
    file.chmod(0o644)
    with pytest.raises(InvalidInputError, match="Others"):
        password_in_file(file)
    file.chmod(0o600)
    secret = password_in_file(file)
    assert secret is not None
    assert secret.reveal() == "word"


def test_a_file_is_put_aside_beside_older_ones(tmp_path):
    file = tmp_path / "bck.sqlite3"
    for number in (1, 2):
        file.write_text(str(number))
        assert put_aside(database_place(f"sqlite:///{file}")) == tmp_path / f"bck.sqlite3.moved-{number}"
    assert (tmp_path / "bck.sqlite3.moved-1").read_text() == "1"


def test_a_move_counts_up_and_who_opened_before_learns_of_it(tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(REST)
    before = Generation(settings, 0)
    assert before.is_current()
    settings.write_text(REST + "# a person changed something else\n")
    assert before.is_current()
    switch(settings, "postgresql://u@h/x", password_ref="", generation=1)
    assert not before.is_current()
    assert Generation(settings, 1).is_current()
    switch(settings, "sqlite:////back", password_ref="", generation=2)
    assert not before.is_current()
    assert not Generation(settings, 1).is_current()


@pytest.mark.parametrize(
    "written", [None, "no toml at all [", "[database]\ngeneration = 'x'\n", "database = 3\n"]
)
def test_settings_that_cannot_be_read_are_no_move(tmp_path, written):
    settings = tmp_path / "settings.toml"
    if written is not None:
        settings.write_text(written)
    assert Generation(settings, 0).is_current()
