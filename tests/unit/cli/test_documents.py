"""JSON documents and views: exact keys, no secrets, honest words."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from bck_apps.cli.admin import masked
from bck_apps.cli.doctor import tool_finding
from bck_apps.cli.documents import host_document, outcome_document, point_document
from bck_apps.cli.follow import outcome_view, progress_text
from bck_apps.cli.host_login import probe_command
from bck_apps.cli.host_probe import checks_of_error, checks_of_facts, fingerprint
from bckcore import errors
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SecretRef
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.login import Login
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ChangeCounts, RunOutcome
from bckcore.domain.transfer import HostFacts, TransferProgress

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
JOB = Job(
    id=JobId("j"),
    kind=JobKind.BACKUP,
    profile=ProfileId("p"),
    host=HostId("h"),
    requested_by="t",
    created=AT,
    status=JobStatus.FAILED,
)
POINT = RestorePoint(
    profile=ProfileId("p"),
    run_id=RunId("20260105T120000Z-00000000"),
    seq=3,
    outcome=RunOutcome.SUSPECT,
    counted=Counted.SUSPECT,
    started=AT,
    finished=AT,
    verified_at=AT,
    counts=ChangeCounts(files=5, bytes=6, added=1, changed=2, gone=3),
)


def test_a_point_has_exactly_the_keys_of_the_contract():
    assert point_document(POINT) == {
        "point": "20260105T120000Z-00000000",
        "seq": 3,
        "outcome": "suspect",
        "counted": False,
        "weight": "suspect",
        "started": "2026-01-05T12:00:00+00:00",
        "finished": "2026-01-05T12:00:00+00:00",
        "verified_at": "2026-01-05T12:00:00+00:00",
        "files": 5,
        "bytes": 6,
        "added": 1,
        "changed": 2,
        "gone": 3,
    }
    assert point_document(replace(POINT, counted=Counted.COUNTED))["counted"] is True


def test_a_backup_that_never_began_a_run_still_has_all_its_keys():
    error = JobResult(error_code="store-busy", error="Busy.", advice="Wait.")
    document = outcome_document(replace(JOB, result=error))
    assert {document[key] for key in ("run_id", "point", "counts")} == {None}
    assert document["outcome"] == "failed"
    assert document["error"] == {"code": "store-busy", "what": "Busy.", "meaning": "", "advice": "Wait."}
    assert json.loads(json.dumps(document)) == document


def test_the_outcome_of_a_run_stands_at_the_top():
    data = {"run_id": "r", "outcome": "partial", "point": "r", "counts": {"files": 1}}
    document = outcome_document(replace(JOB, status=JobStatus.PARTIAL, result=JobResult(data=data)))
    assert {key: document[key] for key in data} == data


def test_a_host_never_shows_its_key():
    host = Host(id=HostId("pc1"), address="a", key=SecretRef("host/pc1/ssh"))
    document = host_document(host)
    assert document["has_key"] is True
    assert document["has_private_key"] is True
    assert "host/pc1/ssh" not in json.dumps(document)


def test_a_fingerprint_is_the_one_ssh_keygen_shows(tmp_path, require_tool):
    import subprocess

    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    (tmp_path / "k.pub").write_text(key + "\n")
    shown = subprocess.run(
        [require_tool("ssh-keygen"), "-l", "-f", tmp_path / "k.pub"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert fingerprint(key).split()[1] in shown.split()


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (errors.HostUnreachableError, [False, None, None, None]),
        (errors.HostKeyChangedError, [True, False, None, None]),
        (errors.HostKeyUnknownError, [True, False, None, None]),
        (errors.AuthenticationError, [True, True, False, None]),
        (errors.RsyncMissingError, [True, True, True, False]),
        (errors.TransferTimeoutError, [False]),
    ],
)
def test_a_failed_probe_tells_how_far_it_came(kind, answers):
    assert [ok for _, ok, _ in checks_of_error(kind("x"))] == answers


def test_a_good_probe_shows_each_check_and_folder():
    facts = HostFacts(rsync_version="3.2.7", latency_ms=4, sources=(("/a", True), ("/b", False)))
    assert checks_of_facts(facts) == [
        ("answers", True, "after 4 ms"),
        ("has rsync", True, "3.2.7"),
        ("can list /a", True, ""),
        ("can list /b", False, "no such folder, or no right"),
    ]
    assert checks_of_facts(replace(facts, gate="0.1.0"))[1] == ("is guarded by a gate", True, "0.1.0")


def test_settings_are_shown_without_secrets():
    shown = masked(
        {
            "database": {"url": "postgresql://bck:pa:ss@db/bck"},
            "smtp": {"password": "x", "api_token": "y", "host": "mail"},
            "security": {"token_minutes": 60},
            "plain": "sqlite:///tmp/a@b",
        }
    )
    assert shown == {
        "database": {"url": "postgresql://bck:***@db/bck"},
        "smtp": {"password": "***", "api_token": "***", "host": "mail"},
        "security": {"token_minutes": 60},
        "plain": "sqlite:///tmp/a@b",
    }


def test_a_missing_program_is_bad_and_says_so():
    found = tool_finding("rsync", ["no-such-program-anywhere"])
    assert not found.ok
    assert "install" in found.detail


def test_a_program_that_is_too_old_is_bad():
    echo = ["echo", "rsync  version 3.1.3  protocol version 31"]
    assert not tool_finding("rsync", echo, least=(3, 2, 3)).ok
    assert tool_finding("rsync", echo, least=(3, 1, 3)).ok


def test_progress_says_only_what_is_known():
    assert progress_text(TransferProgress()) == ""
    known = TransferProgress(files_seen=3, bytes_done=2048, bytes_per_second=1024, eta_seconds=9)
    assert progress_text(known) == "3 files, 2.0 KiB, 1.0 KiB/s, 9 s left"
    guessed = replace(known, files_total=12, source_number=2, source_count=3, estimated=True, eta_seconds=200)
    assert progress_text(guessed) == (
        "folder 2 of 3, 3 of about 12 files, 2.0 KiB, 1.0 KiB/s, about 3 min 20 s left"
    )
    assert progress_text(TransferProgress(phase="listing", files_seen=3)) == "3 files, time left unknown"


def _drawn(job: Job) -> list[str]:
    screen = Console(width=120, file=io.StringIO())
    with screen.capture() as captured:
        screen.print(outcome_view(job))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_people_see_what_a_backup_did_and_no_figures_of_one_that_failed():
    counts = {"files": 2, "bytes": 13, "added": 2, "changed": 0, "gone": 0}
    result = JobResult(data={"run_id": "r", "point": "r", "made_point": True, "counts": counts})
    done = replace(JOB, status=JobStatus.SUCCEEDED, result=result)
    told = ["point r (new)", "files 2 of 13 B: 2 added, 0 changed, 0 gone"]
    assert _drawn(done) == ["job j", "run r", "outcome succeeded", *told]
    assert not [line for line in _drawn(replace(done, status=JobStatus.FAILED)) if line.startswith("files")]


def test_a_backup_that_found_no_file_says_what_that_may_mean():
    counts = {"files": 0, "bytes": 0, "added": 0, "changed": 0, "gone": 0}
    result = JobResult(data={"run_id": "r", "point": "r", "made_point": True, "counts": counts})
    done = replace(JOB, status=JobStatus.SUCCEEDED, result=result)
    told = " ".join(_drawn(done))
    assert "note No file was found, so none is backed up." in told
    assert "bck backup p --dry-run" in told
    for other in (
        replace(done, kind=JobKind.UNDO),
        replace(done, status=JobStatus.FAILED),
        replace(done, result=JobResult(data={**result.data, "counts": {**counts, "files": 1}})),
    ):
        assert "No file" not in " ".join(_drawn(other))


@pytest.mark.parametrize(
    ("login", "key", "asks"),
    [
        (Login.KEY, "host-h/ssh", False),
        (Login.PASSWORD, "host-h/password", False),
        (Login.PASSWORD, None, True),
    ],
)
def test_the_command_that_looks_at_a_host_asks_for_a_password_that_is_not_kept(login, key, asks):
    host = Host(id=HostId("h"), address="a", login=login, key=SecretRef(key) if key else None)
    assert probe_command(host) == "bck host probe h" + " --password-stdin" * asks


def test_a_host_without_allowed_folders_is_no_host_that_all_is_well_with():
    name, ok, detail = checks_of_facts(HostFacts(rsync_version="3.2.7", latency_ms=4))[-1]
    assert (name, ok) == ("allowed folders", False)
    assert detail.startswith("none")
