"""Jobs on the command line: how they are named, listed, cancelled, and asked for twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bck_apps.cli.main import run
from bck_apps.wiring import initialise
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobKind
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import parsed_sources

DOCS, HERE = ProfileId("docs"), HostId("here")
FIRST, SECOND, THIRD = (f"{start:0<32}" for start in ("12345678ab", "12345678cd", "9f"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with the profile docs and three restore jobs, the first of them cancelled."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "docs").mkdir()
    (folder / "docs" / "letter").write_text("dear")
    made = initialise(
        folder / "home", storage=folder / "store", admin="ann", password=Secret("long enough a word")
    )
    with made as application:
        docs = str(folder / "docs")
        application.hosts.add(Host(id=HERE, address="", transport="local", allowed_roots=(docs,)), key=None)
        application.profiles.add(Profile(id=DOCS, host=HERE, sources=parsed_sources([docs])))
        for name in (FIRST, SECOND, THIRD):
            application.queue.enqueue(
                Job(
                    id=JobId(name),
                    kind=JobKind.RESTORE,
                    profile=DOCS,
                    host=HERE,
                    requested_by="ann",
                    created=application.clock.now(),
                    payload={},
                )
            )
        for name in (FIRST, SECOND, THIRD):
            application.jobs.cancel(JobId(name))
    return folder / "home"


class Shell:
    """`bck`, called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._capsys.readouterr()
        code = run(arguments)
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str) -> tuple[int, Any]:
        """Exit status and document."""
        code, out, _ = self.call(*arguments, "--json")
        return code, json.loads(out)


@pytest.fixture
def bck(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("BCK_HOME", str(home))
    return Shell(capsys)


@pytest.mark.parametrize("verb", ["status", "log", "cancel"])
def test_the_beginning_of_an_id_names_a_job(bck: Shell, verb: str) -> None:
    code, document = bck.json(verb, FIRST[:9])
    assert code == (1 if verb == "status" else 0), "it is cancelled"
    assert verb == "log" or document["job_id"] == FIRST
    assert bck.json("status", FIRST)[1]["job_id"] == FIRST


@pytest.mark.parametrize("verb", ["status", "log", "cancel"])
def test_a_beginning_of_several_ids_names_them_and_none_is_taken(bck: Shell, verb: str) -> None:
    code, document = bck.json(verb, FIRST[:8])
    assert (code, document["error"]["code"]) == (2, "invalid-input")
    assert FIRST in document["error"]["what"]
    assert SECOND in document["error"]["what"]


@pytest.mark.parametrize("text", [THIRD[:7], "", "12345678ef", FIRST + "0"])
def test_what_is_too_short_or_begins_no_id_is_not_found(bck: Shell, text: str) -> None:
    assert bck.json("status", text)[0] == 4


def test_a_job_that_is_over_is_not_cancelled_and_that_is_said(bck: Shell) -> None:
    code, out, _ = bck.call("cancel", FIRST)
    assert code == 0
    assert "cancelled; it was over already" in out
    assert bck.json("cancel", FIRST)[1]["over_before"] is True


def test_a_backup_that_was_asked_for_before_says_so_and_is_not_done_again(
    bck: Shell, require_tool: Callable[[str], str]
) -> None:
    require_tool("rsync")
    ask = ("backup", "docs", "--wait", "--idempotency-key", "k")
    code, first = bck.json(*ask)
    assert (code, first["created_now"], first["outcome"]) == (0, True, "succeeded")
    code, out, err = bck.call(*ask)
    assert code == 0
    assert f"This was asked for before: job {first['job_id']}, succeeded." in err
    assert f"{first['job_id']} (asked for before)" in out
    again = bck.json(*ask)[1]
    assert (again["created_now"], again["job_id"], again["run_id"]) == (
        False,
        first["job_id"],
        first["run_id"],
    )


def test_a_list_that_does_not_show_all_jobs_says_so(bck: Shell) -> None:
    _, out, err = bck.call("jobs", "--limit", "2", "--status", "cancelled")
    assert THIRD in out
    assert FIRST not in out
    assert "--limit" in err
    assert bck.json("jobs", "--limit", "2", "--status", "cancelled")[1]["more"] is True
    code, out, err = bck.call("jobs", "--status", "cancelled")
    assert (code, err) == (0, "")
    assert FIRST in out
    assert bck.json("jobs", "--limit", "3", "--status", "cancelled")[1]["more"] is False


def test_a_key_answers_also_when_the_profile_was_switched_off_meanwhile(
    bck: Shell, require_tool: Callable[[str], str]
) -> None:
    require_tool("rsync")
    ask = ("backup", "docs", "--wait", "--idempotency-key", "before it was switched off")
    first = bck.json(*ask)[1]["job_id"]
    assert bck.call("profile", "set", "docs", "--disable")[0] == 0
    try:
        assert bck.call("backup", "docs", "--wait")[0] != 0
        code, again = bck.json(*ask)
        assert (code, again["job_id"], again["created_now"]) == (0, first, False)
    finally:
        assert bck.call("profile", "set", "docs", "--enable")[0] == 0
