"""Each error is told apart, by text and by exit status, and nothing that was held is lost."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.testkit.lacking import need_ordinary_user
from tests.support.cli import Bck
from tests.support.sshd import LoopbackSshd, new_key
from tests.support.worlds import World, world_of_folder


@dataclass
class Scene:
    """An installation with one good point."""

    bck: Bck
    sshd: LoopbackSshd
    docs: Path
    world: World
    point: str
    turn: int = 0

    def fails(self, code: str) -> Any:
        """Back up, expect that error, and prove that the good point is still there, whole."""
        failed = self.bck.ok("backup", "docs", "--wait", code=1)
        assert (failed["outcome"], failed["error"]["code"]) == ("failed", code), failed
        job = failed["job_id"]
        assert self.bck.ok("status", job, code=1)["error"] == failed["error"]
        texts = [line["text"] for line in self.bck.ok("log", job)["items"] if line["level"] == "error"]
        assert " ".join(failed["error"][part] for part in ("what", "meaning", "advice")) in texts
        self.still_whole()
        return failed

    def still_whole(self) -> None:
        assert [point["point"] for point in self.bck.ok("points", "docs")["items"]] == [self.point]
        self.turn += 1
        target = self.bck.folder / f"restored-{self.turn}"
        self.bck.ok("restore", "docs", "--point", self.point, "--to", str(target))
        assert world_of_folder(target / "docs") == self.world


@pytest.fixture(scope="module")
def made(tmp_path_factory, require_tool) -> Iterator[Scene]:
    require_tool("sshd")
    require_tool("rsync")
    folder = tmp_path_factory.mktemp("errors")
    docs = folder / "pc" / "docs"
    docs.mkdir(parents=True)
    (docs / "f").write_text("held")
    sshd = LoopbackSshd(folder / "sshd")
    sshd.start()
    try:
        (folder / "server").mkdir()
        bck = Bck(folder / "server")
        bck.init()
        bck.add_host(sshd, folder / "pc")
        bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
        point = bck.ok("backup", "docs", "--wait")["run_id"]
        yield Scene(bck=bck, sshd=sshd, docs=docs, world=world_of_folder(docs), point=point)
    finally:
        sshd.stop()


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    """The scene; whatever a test does to the PC is undone afterwards."""
    before = (list(made.sshd.host_keys), made.sshd.login, made.sshd.options)
    yield made
    made.sshd.stop()
    made.sshd.host_keys, made.sshd.login, made.sshd.options = before
    made.sshd.start()


def test_another_host_key_is_an_alarm(scene: Scene):
    scene.sshd.stop()
    scene.sshd.host_keys = [new_key()]
    scene.sshd.start()
    failed = scene.fails("host-key-changed")
    assert "pc1" in failed["error"]["what"]
    texts = [line["text"] for line in scene.bck.ok("log", failed["job_id"])["items"]]
    assert not any("for pc " in text for text in texts), texts
    probe = scene.bck.ok("host", "probe", "pc1", code=1)
    assert [check["ok"] for check in probe["checks"]] == [True, False, None, None]
    assert probe["error"]["code"] == "host-key-changed"


def test_a_reinstalled_pc_is_trusted_again_by_a_person_and_its_history_goes_on(scene: Scene):
    known = scene.bck.ok("host", "show", "pc1")["host_keys"]
    scene.sshd.stop()
    scene.sshd.host_keys = [new_key()]
    scene.sshd.start()
    failed = scene.fails("host-key-changed")
    advice = failed["error"]["advice"]
    assert 'bck host set pc1 --host-key "$(cat ssh_host_ed25519_key.pub)"' in advice
    assert "--trust-on-first-use" not in advice, "that pins whoever answers at that moment"
    done = scene.bck.run("host", "set", "pc1", "--trust-on-first-use", "--json")
    assert (done.code, done.json["host_keys"]) == (0, [scene.sshd.host_keys[0].public])
    assert "warning: The pinned host key of pc1 was ssh-ed25519 SHA256:" in done.err
    try:
        assert scene.bck.ok("backup", "docs", "--wait")["outcome"] == "succeeded"
        scene.still_whole()
    finally:
        pinned = [word for key in known for word in ("--host-key", key)]
        assert scene.bck.ok("host", "set", "pc1", *pinned)["host_keys"] == known


def test_hosts_and_profiles_are_changed_where_something_is_given(scene: Scene):
    host = scene.bck.ok("host", "show", "pc1")
    answer = scene.bck.ok("host", "set", "pc1", "--allow", "/elsewhere", code=5)["error"]
    assert "Profile docs backs up" in answer["what"]
    assert "bck profile set docs" in answer["advice"]
    roots = [str(scene.docs.parent), "/elsewhere"]
    assert scene.bck.ok("host", "set", "pc1", *(f"--allow={root}" for root in roots)) == {
        **host,
        "allow": roots,
    }
    source = f"first={scene.docs / 'a'}"
    made = scene.bck.ok("profile", "add", "changing", "--host", "pc1", "--source", source, "--exclude", "*.x")
    folders = [f"--source={scene.docs / name}" for name in ("b", "a")]
    more = ("--keep-last", "3", "--keep-within", "1d", "--compress", "--bwlimit", "1M", "--disable")
    waits = ("--connect-timeout", "5s", "--idle-timeout", "1m", "--total-timeout", "2h", "--attempts", "7")
    changed = scene.bck.ok("profile", "set", "changing", *folders, *more, *waits)
    patience = [changed[name] for name in ("connect_timeout", "idle_timeout", "total_timeout", "attempts")]
    assert patience == [5, 60, 7200, 7]
    assert [one["name"] for one in changed["sources"]] == ["b", "first"]
    assert (changed["keep_last"], changed["keep_within"], changed["compress"]) == (3, "1d", True)
    assert (changed["bandwidth_limit"], changed["enabled"], changed["excludes"]) == (1 << 20, False, ["*.x"])
    refused = scene.bck.ok("backup", "changing", code=5)["error"]
    assert "bck profile set changing --enable" in refused["advice"]
    less = ("--no-compress", "--bwlimit", "0", "--enable", "--exclude", "", "--keep-last", "20")
    calm = ("--connect-timeout", "20s", "--idle-timeout", "5m", "--total-timeout", "0s", "--attempts", "3")
    back = scene.bck.ok(
        "profile", "set", "changing", f"--source={source}", "--keep-within", "7d", *less, *calm
    )
    assert back == {**made, "excludes": []}
    for verb, name in (("host", "pc1"), ("profile", "changing")):
        assert scene.bck.ok(verb, "set", name, code=2)["error"]["code"] == "invalid-input"


def test_a_key_that_the_pc_does_not_take(scene: Scene):
    scene.sshd.stop()
    scene.sshd.login = new_key()
    scene.sshd.start()
    scene.fails("authentication-refused")
    probe = scene.bck.ok("host", "probe", "pc1", code=1)
    assert [check["ok"] for check in probe["checks"]] == [True, True, False, None]


def test_a_host_that_is_down(scene: Scene):
    scene.sshd.stop()
    failed = scene.fails("host-unreachable")
    assert failed["result"]["attempts"] == 3
    probe = scene.bck.ok("host", "probe", "pc1", code=1)
    assert [check["ok"] for check in probe["checks"]] == [False, None, None, None]


def test_no_rsync_on_the_pc(scene: Scene):
    scene.sshd.stop()
    scene.sshd.options = ("ForceCommand exec /nowhere/rsync --server",)
    scene.sshd.start()
    scene.fails("rsync-missing")
    probe = scene.bck.ok("host", "probe", "pc1", code=1)
    assert [check["ok"] for check in probe["checks"]] == [True, True, True, False]


def test_the_source_folder_is_gone(scene: Scene):
    hidden = scene.docs.with_name("moved")
    scene.docs.rename(hidden)
    try:
        scene.fails("source-missing")
    finally:
        hidden.rename(scene.docs)


def test_an_unreadable_file_makes_a_run_partial(scene: Scene, tmp_path: Path):
    need_ordinary_user()
    secret = scene.docs / "secret"
    secret.write_text("x")
    secret.chmod(0)
    scene.bck.ok("profile", "add", "weak", "--host", "pc1", "--source", str(scene.docs))
    done = scene.bck.ok("backup", "weak", "--wait", code=3)
    told = scene.bck.run("backup", "weak", "--wait")
    secret.unlink()
    assert "docs/secret: The account that reads for the backup may not read it." in told.err
    assert "bck run problems weak 2" in told.err
    problems = scene.bck.ok("run", "problems", "weak")
    assert [(one["path"], one["reason"]) for one in problems["items"]] == [("docs/secret", "no-permission")]
    assert (problems["total"], problems["kept"], problems["next"]) == (1, 1, None)
    assert (done["outcome"], done["problems"]) == ("partial", 1)
    human = scene.bck.run("status", done["job_id"])
    assert (human.code, "partial" in human.out) == (3, True)


def test_a_path_outside_the_allow_list_is_refused(scene: Scene):
    done = scene.bck.run("profile", "add", "etc", "--host", "pc1", "--source", "/etc")
    assert done.code == 5
    assert "error: /etc is outside the folders allowed for pc1." in done.err
    assert "means: " in done.err
    assert "do:    " in done.err
    assert done.out == ""
    answer = scene.bck.ok("profile", "add", "etc", "--host", "pc1", "--source", "/etc", code=5)
    assert set(answer["error"]) == {"code", "what", "meaning", "advice"}
    assert answer["error"]["code"] == "path-not-allowed"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("backup", "nope", "--wait"), 4),
        (("points", "nope"), 4),
        (("status", "nope"), 4),
        (("log", "nope"), 4),
        (("cancel", "nope"), 4),
        (("host", "probe", "nope"), 4),
        (("host", "set", "nope", "--port", "22"), 4),
        (("profile", "set", "nope", "--enable"), 4),
        (("profile", "set", "docs", "--source", "/etc"), 5),
        (("restore", "docs", "--point", "1999-01-01", "--to", "x"), 4),
        (("restore", "docs", "--point", "latest", "--to", "x", "elsewhere/f"), 2),
        (("backup",), 2),
        (("frobnicate",), 2),
        (("backup", "docs", "--frobnicate"), 2),
        (("profile", "add", "p", "--host", "pc1", "--source", "relative"), 2),
        (("profile", "add", "P!", "--host", "pc1", "--source", "/x"), 2),
        (("profile", "add", "p", "--host", "pc1", "--source", "/x", "--keep-within", "soon"), 2),
        (("profile", "add", "p", "--host", "pc1", "--source", "/x", "--bwlimit", "fast"), 2),
        (("host", "add", "pc1", "--address", "h", "--key", "/nowhere"), 2),
        (("host", "remove", "pc1"), 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_use_unknown_names_and_refusals_differ(scene: Scene, arguments, code):
    answer = scene.bck.ok(*arguments, code=code)
    assert answer["error"]["what"]
    human = scene.bck.run(*arguments)
    assert human.code == code
    assert human.err.startswith("error: ")
    assert "Traceback" not in human.err


@pytest.mark.parametrize("verb", ["status", "log", "points", "backup"])
def test_bytes_that_are_no_text_name_nothing(scene: Scene, verb):
    done = scene.bck.run(verb, b"odd\xff")
    assert (done.code, done.err.partition(":")[0]) == (4, "error"), done
    assert "odd\\udcff" in done.err
    assert "Traceback" not in done.err


def test_a_restore_into_a_folder_with_files_is_refused(scene: Scene, tmp_path: Path):
    (tmp_path / "mine").write_text("keep me")
    done = scene.bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path), code=5)
    assert done["error"]["code"] == "conflict"
    assert (tmp_path / "mine").read_text() == "keep me"


def test_without_an_installation_every_verb_says_how_to_make_one(tmp_path: Path):
    answer = Bck(tmp_path).ok("jobs", code=4)
    assert "bck init" in answer["error"]["advice"]


def test_a_lost_vault_is_named_before_a_backup_fails_for_it(scene: Scene) -> None:
    vault = scene.bck.home / "vault"
    assert "ways into hosts" not in scene.bck.ailing()
    vault.rename(vault.with_name("vault-aside"))
    try:
        told = scene.bck.ailing()["ways into hosts"]
        assert "The server no longer has its key for pc1." in told
        assert "bck host set pc1 --key FILE" in told
        scene.fails("private-key-unreadable")
    finally:
        shutil.rmtree(vault, ignore_errors=True)
        vault.with_name("vault-aside").rename(vault)
    assert "ways into hosts" not in scene.bck.ailing()


def test_what_only_the_service_can_open_is_no_fault_and_is_told(scene: Scene) -> None:
    key = scene.bck.home / "vault.key"
    before = key.read_bytes()
    try:
        key.write_bytes(b"k" * 32)  # as where the service seals with a credential that bck does not have
        assert "ways into hosts" not in scene.bck.ailing()
        items = scene.bck.run("doctor", "--json").json["items"]
        [told] = [one for one in items if one["name"] == "ways into hosts"]
        assert "sealed with another key" in told["detail"]
    finally:
        key.write_bytes(before)
