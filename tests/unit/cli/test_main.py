"""How the command line fails: three parts for people, one document for programs, no traceback."""

import json
import os

import pytest

from bck_apps.cli.main import run
from bck_apps.cli.screen import error_text
from bckcore.errors import NotFoundError


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("BCK_HOME", str(tmp_path / "nowhere"))


def test_an_error_has_three_parts():
    error = NotFoundError("It is gone.", meaning="Nothing was changed.", advice="Look elsewhere.")
    assert error_text(error) == "error: It is gone.\nmeans: Nothing was changed.\ndo:    Look elsewhere."
    assert len(error_text(NotFoundError("It is gone.")).splitlines()) == 3


def test_people_read_errors_on_standard_error(capsys):
    assert run(["jobs"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: There is no installation in ")
    assert "\ndo:    " in captured.err


def test_programs_read_errors_on_standard_output(capsys):
    assert run(["jobs", "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "what", "meaning", "advice"}
    assert document["error"]["code"] == "not-found"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("export", ["export", "p", "--point", "latest", "-o", "x.tar"]), ("history", ["undo", "p", "1"])],
)
def test_ctrl_c_is_told_in_words(module, arguments, capsys, monkeypatch, tmp_path):
    def pressed():
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"bck_apps.cli.{module}.opened", pressed)
    assert run(arguments) == 1
    assert capsys.readouterr().err.startswith("error: Interrupted.")
    assert run([*arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "interrupted"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["host", "frobnicate"],
        ["backup"],
        ["backup", "p", "--frobnicate"],
        ["jobs", "--limit", "0"],
        ["jobs", "--status", "asleep"],
        ["serve", "--port", "70000"],
        ["restore", "p", "--to", "x"],
        ["hold", "p", "latest"],
        ["profile", "set", "p", "--keep-daily", "-1"],
        ["init", "--admin", "a"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_two_and_points_to_help(arguments, capsys):
    assert run(arguments) == 2
    assert "--help" in capsys.readouterr().err
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "arguments",
    [
        ["init"],
        ["serve"],
        ["backup"],
        ["restore"],
        ["prune"],
        ["hold"],
        ["release"],
        ["holds"],
        ["cancel"],
        ["status"],
        ["log"],
        ["jobs"],
        ["points"],
        ["snapshots"],
        ["doctor"],
        ["plugins"],
        ["config", "show"],
        ["host", "add"],
        ["host", "set"],
        ["host", "list"],
        ["host", "show"],
        ["host", "probe"],
        ["host", "remove"],
        ["profile", "add"],
        ["profile", "set"],
        ["profile", "list"],
        ["profile", "show"],
    ],
    ids=" ".join,
)
def test_every_verb_has_help_and_takes_json(arguments, capsys):
    assert run([*arguments, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: bck {' '.join(arguments)}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("arguments", [["check", ""], ["deleted", "p", "--since", ""]], ids=" ".join)
def test_an_empty_value_is_wrong_use(arguments, capsys):
    assert run(arguments) == 2
    assert "empty" in capsys.readouterr().err


def test_version_is_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bck ")


def test_a_relative_home_is_wrong_use(monkeypatch, capsys):
    monkeypatch.setenv("BCK_HOME", "here")
    assert run(["jobs"]) == 2
    assert "here" in capsys.readouterr().err


def test_a_password_is_never_asked_for_where_nobody_can_type(monkeypatch, capsys, tmp_path):
    with (tmp_path / "empty").open("w+") as empty:
        monkeypatch.setattr("sys.stdin", empty)
        assert run(["init", "--storage", "/x", "--admin", "a"]) == 2
    assert "--password-stdin" in capsys.readouterr().err
    assert not os.path.exists(os.environ["BCK_HOME"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["restore", "p", "--point", "latest", "--to", ""],
        ["restore", "p", "--point", "latest", "--to-host", "--host-dir", ""],
        ["export", "p", "--point", "latest", "-o", ""],
        ["init", "--admin", "a", "--storage", ""],
        ["host", "add", "pc1", "--address", "a", "--key", ""],
        ["host", "set", "pc1", "--key", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_wrong_use_and_never_the_folder_one_stands_in(
    arguments, capsys, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run([*arguments, "--json"]) == 2
    assert "is empty" in json.loads(capsys.readouterr().out)["error"]["what"]
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


@pytest.mark.parametrize("verb", [[], ["backup"], ["host", "add"], ["profile", "set"], ["restore"]])
def test_help_shows_no_value_for_a_flag(verb, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run([*verb, "-h"]) == 0
    shown = capsys.readouterr().out
    assert "--help" in shown
    assert "bool" not in shown
    assert run([*verb, "--help"]) == 0
    assert capsys.readouterr().out == shown
