"""The whole story on the command line, without a server: set up, back up, edit, restore, compare."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import PASSWORD, Bck
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.trees import ODD_NAMES
from tests.support.worlds import world_of_folder

POINT_KEYS = {
    "point",
    "seq",
    "outcome",
    "counted",
    "weight",
    "started",
    "finished",
    "verified_at",
    "files",
    "bytes",
    "added",
    "changed",
    "gone",
}


@pytest.fixture
def sshd(tmp_path, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd", as_installed=True) as served:
        yield served


@pytest.fixture
def bck(tmp_path):
    (tmp_path / "server").mkdir()
    return Bck(tmp_path / "server")


def make_pc(folder: Path) -> tuple[Path, Path]:
    docs, pictures = folder / "docs", folder / "My Pictures"
    (docs / "sub" / "empty").mkdir(parents=True)
    pictures.mkdir()
    (docs / "letter.txt").write_text("one")
    (docs / "sub" / "deep.bin").write_bytes(os.urandom(100_000))
    (docs / "link").symlink_to("letter.txt")
    for name in ODD_NAMES:
        with open(os.path.join(os.fsencode(docs), name), "wb") as file:
            file.write(name)
    (pictures / "a.png").write_bytes(b"png")
    (docs / "letter.txt").chmod(0o640)
    return docs, pictures


def edit(docs: Path) -> None:
    status = (docs / "letter.txt").stat()
    (docs / "letter.txt").write_text("two")  # same size, and by utime the same second
    os.utime(docs / "letter.txt", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    (docs / "sub" / "deep.bin").unlink()
    (docs / "sub" / "empty").rmdir()
    (docs / "new").mkdir()
    (docs / "new" / "file").write_text("new")
    (docs / "link").unlink()
    (docs / "link").mkdir()
    os.unlink(os.path.join(os.fsencode(docs), b"non-utf8-\xff\xfe"))


@pytest.mark.sqlite  # doctor warns of a server without fsync, as the tests' own is
def test_a_backup_is_made_edited_listed_and_restored_exactly(bck: Bck, sshd: LoopbackSshd, tmp_path: Path):
    bck.cold = True  # the first backup and the first restore are told exactly as people live them
    docs, pictures = make_pc(tmp_path / "pc")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    probe = bck.ok("host", "probe", "pc1")
    assert probe["ok"]
    assert [check["name"] for check in probe["checks"]][:4] == [
        "answers",
        "is the one we know",
        "lets us in",
        "has rsync",
    ]
    profile = bck.ok(
        "profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--source", f"pics={pictures}"
    )
    assert [source["name"] for source in profile["sources"]] == ["docs", "pics"]

    before = {"docs": world_of_folder(docs), "pics": world_of_folder(pictures)}
    first = bck.ok("backup", "docs", "--wait")
    assert (first["outcome"], first["made_point"]) == ("succeeded", True)
    assert first["counts"]["added"] == first["counts"]["files"]
    bck.cold = False
    quiet = bck.ok("backup", "docs", "--wait")
    assert (quiet["outcome"], quiet["made_point"], quiet["point"]) == ("succeeded", False, first["run_id"])
    edit(docs)
    after = world_of_folder(docs)
    second = bck.ok("backup", "docs", "--wait")
    assert second["made_point"]

    points = bck.ok("points", "docs")["items"]
    assert [point["point"] for point in points] == [first["run_id"], second["run_id"]]
    assert set(points[0]) == POINT_KEYS
    assert [point["counted"] for point in points] == [True, True]
    assert bck.ok("snapshots", "docs")["items"] == points

    bck.cold = True
    bck.ok("restore", "docs", "--point", first["run_id"], "--to", "old")
    bck.cold = False
    restored = bck.folder / "old"
    assert {name: world_of_folder(restored / name) for name in ("docs", "pics")} == before
    bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path / "new"))
    assert world_of_folder(tmp_path / "new" / "docs") == after

    plan = bck.ok("prune", "docs", "--dry-run")
    assert [decision["keep"] for decision in plan["items"]] == [True, True]
    assert bck.ok("doctor")["ok"]


def test_a_suspect_run_says_why_everywhere_and_a_person_ends_it(bck: Bck, sshd: LoopbackSshd, tmp_path: Path):
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    for number in range(150):
        (docs / f"{number:03d}").write_text(str(number))
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    bck.ok("backup", "docs", "--wait")
    worlds = {1: world_of_folder(docs)}
    for number in range(100):
        (docs / f"{number:03d}").unlink()
    worlds[2] = {**worlds[1], b".": world_of_folder(docs)[b"."]}  # the folder's time, and nothing gone
    what, wayout = "docs: 100 of 151 paths are missing.", "bck backup docs --accept-missing"
    told = bck.run("backup", "docs", "--wait")
    assert told.code == 3
    assert [told.err.count(part) for part in (what, "Nothing was marked as deleted", wayout)] == [1, 1, 1]
    done = bck.ok("backup", "docs", "--wait", code=3)
    assert (done["outcome"], done["error"]["code"], done["made_point"]) == ("suspect", "files-missing", False)
    job = done["job_id"]
    assert bck.ok("status", job, code=3)["error"] == done["error"]
    assert all(part in bck.run("status", job).out for part in (what, wayout))
    assert all(part in bck.run("log", job).out for part in (what, wayout))

    accepted = bck.ok("backup", "docs", "--wait", "--accept-missing")
    assert (accepted["outcome"], accepted["error"], accepted["counts"]["gone"]) == ("succeeded", None, 100)
    worlds[accepted["seq"]] = world_of_folder(docs)
    assert bck.ok("backup", "docs", "--wait")["outcome"] == "succeeded"
    points = bck.ok("points", "docs")["items"]
    assert [(point["seq"], point["counted"]) for point in points] == [(1, True), (2, False), (4, True)]
    for seq, world in worlds.items():
        bck.ok("restore", "docs", "--point", str(seq), "--to", f"r{seq}")
        assert world_of_folder(bck.folder / f"r{seq}" / "docs") == world


def test_chosen_paths_are_restored_also_when_their_names_are_no_text(
    bck: Bck, sshd: LoopbackSshd, tmp_path: Path
):
    docs, _ = make_pc(tmp_path / "pc")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    bck.ok("backup", "docs", "--wait")
    odd = b"docs/non-utf8-\xff\xfe"
    bck.ok("restore", "docs", "--point", "1", "--to", "some", odd, os.fsencode(docs) + b"/sub/deep.bin")
    found = sorted(os.listdir(os.fsencode(bck.folder / "some" / "docs")))
    assert found == [b"non-utf8-\xff\xfe", b"sub"]
    assert (bck.folder / "some" / "docs" / "sub" / "deep.bin").read_bytes() == (
        docs / "sub" / "deep.bin"
    ).read_bytes()


def test_people_get_short_text_and_scripts_one_document(bck: Bck, sshd: LoopbackSshd, tmp_path: Path):
    docs, _ = make_pc(tmp_path / "pc")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    done = bck.run("backup", "docs")
    assert done.code == 0
    assert "No 'bck serve' is running, so the backup is done here." in done.err
    assert "succeeded" in done.out
    assert "\x1b" not in done.out + done.err
    for verb in (("host", "list"), ("host", "show", "pc1"), ("profile", "list"), ("profile", "show", "docs")):
        assert bck.run(*verb).code == 0
        assert bck.ok(*verb)
    jobs = bck.ok("jobs")["items"]
    assert [job["status"] for job in jobs] == ["succeeded"]
    job = jobs[0]["job_id"]
    assert bck.ok("status", job)["result"]["run_id"]
    assert job in bck.run("status", job).out
    assert bck.run("log", job).out.count("\n") == len(bck.ok("log", job)["items"])
    assert {plugin["name"] for plugin in bck.ok("plugins")["loaded"]} >= {"rsync", "sql", "storage_fs"}
    assert bck.ok("config", "show")["storage"]["root"] == str(bck.storage)


def test_output_in_an_encoding_that_lacks_the_letters_is_escaped(
    bck: Bck, sshd: LoopbackSshd, tmp_path: Path
):
    docs = tmp_path / "pc" / "докс"
    docs.mkdir(parents=True)
    (docs / "f").write_text("x")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.settings |= {"PYTHONIOENCODING": "ascii"}
    bck.cold = True  # an interpreter chooses the encoding when it starts
    assert bck.run("profile", "add", "docs", "--host", "pc1", "--source", str(docs)).code == 0
    assert bck.run("profile", "list").code == 0
    done = bck.run("restore", "docs", "--point", "latest", "--to", b"x\xff")
    assert done.code == 4


def test_the_same_idempotency_key_gives_the_same_job(bck: Bck, sshd: LoopbackSshd, tmp_path: Path):
    docs, _ = make_pc(tmp_path / "pc")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    first = bck.ok("backup", "docs", "--wait", "--idempotency-key", "k1")
    again = bck.ok("backup", "docs", "--wait", "--idempotency-key", "k1")
    other = bck.ok("backup", "docs", "--wait", "--idempotency-key", "k2")
    assert again["job_id"] == first["job_id"] != other["job_id"]
    assert again["run_id"] == first["run_id"]


def test_prune_keeps_what_the_policy_wants_and_the_rest_restores_exactly(
    bck: Bck, sshd: LoopbackSshd, tmp_path: Path
):
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    keep = ("--keep-last", "2", "--keep-within", "0s", "--min-age", "0s")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), *keep)
    worlds = {}
    for number in range(4):
        (docs / f"only-{number}").write_text("x")
        (docs / "same").write_text(str(number))
        worlds[bck.ok("backup", "docs", "--wait")["run_id"]] = world_of_folder(docs)
    kept = [point["point"] for point in bck.ok("points", "docs")["items"]]
    assert kept == list(worlds)[-2:]
    for point in kept:
        bck.ok("restore", "docs", "--point", point, "--to", str(tmp_path / point))
        assert world_of_folder(tmp_path / point / "docs") == worlds[point]
    assert bck.ok("prune", "docs")["outcome"] == "succeeded"


def test_init_refuses_an_existing_installation_and_short_passwords(bck: Bck):
    arguments = ("init", "--storage", str(bck.storage), "--admin", "ann", "--password-stdin")
    assert bck.run(*arguments, text="short\n").code == 2
    assert not (bck.home / "settings.toml").exists()
    assert bck.run(*arguments, text=PASSWORD + "\n").code == 0
    done = bck.run(*arguments, "--json", text=PASSWORD + "\n")
    assert done.code == 5
    assert "already" in done.json["error"]["what"]
    assert PASSWORD not in done.out + done.err


def test_a_host_that_may_be_read_nowhere_is_told_at_once_and_when_it_is_probed(bck: Bck):
    bck.init()
    added = bck.run("host", "add", "here", "--transport", "local")
    assert added.code == 0
    assert "bck host set here --allow PATH" in added.err
    assert added.err.rstrip().endswith("bck host probe here"), "what to do next comes last"
    probed = bck.run("host", "probe", "here", "--json")
    assert (probed.code, probed.json["ok"]) == (3, False)
    assert [check["name"] for check in probed.json["checks"] if not check["ok"]] == ["allowed folders"]
    assert "bck host set here --allow PATH" in probed.err


@pytest.mark.sqlite  # doctor warns of a server without fsync, as the tests' own is
def test_doctor_names_what_is_bad(bck: Bck):
    bck.init()
    assert bck.run("doctor").code == 0
    bck.home.chmod(0o755)
    found = bck.ok("doctor", code=1)
    assert [one["name"] for one in found["items"] if not one["ok"]] == ["home folder is private"]
    bck.home.chmod(0o700)
    shutil.rmtree(bck.storage)
    reasons = [one["detail"] for one in bck.ok("doctor", code=1)["items"] if not one["ok"]]
    assert len(reasons) > 1
    told = " ".join(bck.run("doctor").out.split())
    assert [told.count(reason) for reason in set(reasons)] == [1], "one cause is told once to people"
    assert told.count("as 'storage root' above") == len(reasons) - 1


def loaded_by(bck: Bck, *arguments: str) -> set[str]:
    code = (
        f"import sys; from bck_apps.cli.main import run; run({arguments!r});"
        "print([*sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bck.environment
    )
    return set(ast.literal_eval(done.stderr.splitlines()[-1]))


def test_short_verbs_do_not_load_what_they_do_not_use(bck: Bck):
    bck.init()
    server = {"fastapi", "uvicorn", "fabric", "paramiko", "alembic"}
    for helped in (("--help",), ("backup", "--help")):
        assert loaded_by(bck, *helped) & (server | {"sqlalchemy", "dependency_injector"}) == set(), helped
    for verb in (("status", "nope"), ("host", "list", "--json")):
        assert loaded_by(bck, *verb) & server == set(), verb
