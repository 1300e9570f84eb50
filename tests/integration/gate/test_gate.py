"""The gate as sshd starts it, on real folders: what it refuses, where links lead, what the kernel holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bck_adapters.landlock import kernel_support
from bck_adapters.testkit.lacking import lacking
from bck_apps.gate.main import main
from bck_apps.gate.places import enter, paths_to_look_at
from bck_apps.gate.refusal import GateRefusedError
from bckcore.domain.host_path import parsed_path
from bckcore.domain.host_platform import Platform
from tests.support.gate import GateRig

READ = "rsync --server --sender -ltre.LsfxCIvu . "
WRITE = "rsync --server -ltre.LsfxCIvu --mkpath . "
LOOK = "rsync --server --sender -ldRe.LsfxCIvu --list-only --no-implied-dirs . "


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    """A folder that may be read, one to restore into, and a secret beside them."""
    for name in ("docs/work", "restored", "secret"):
        (tmp_path / "pc" / name).mkdir(parents=True)
    (tmp_path / "pc" / "docs" / "f").write_text("mine")
    (tmp_path / "pc" / "secret" / "key").write_text("not to be read")
    return tmp_path / "pc"


@pytest.fixture
def gate(pc: Path, tmp_path: Path, require_tool) -> GateRig:
    require_tool("rsync")
    rig = GateRig(folder=tmp_path / "gate", read=(f"{pc}/docs",), restore=(f"{pc}/restored",))
    rig.write()
    return rig


def pulled(gate: GateRig, folder: Path | str, to: Path) -> subprocess.CompletedProcess[bytes]:
    """A real rsync that pulls ``folder`` through the gate."""
    return transferred(gate, f"pc:{folder}/", f"{to}/")


def transferred(gate: GateRig, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    shell = gate.folder / "shell"
    shell.write_text(f'#!/bin/sh\nshift\nSSH_ORIGINAL_COMMAND="$*" LC_ALL=C.UTF-8 exec {gate.program}\n')
    shell.chmod(0o700)
    words = ["rsync", "-rlt", "--mkpath", "--modify-window=-1", f"--rsh={shell}", *arguments]
    return subprocess.run(words, capture_output=True, timeout=60, check=False)


def refusal(gate: GateRig, command: str | None, **environment: str) -> str:
    """The one line in which it was refused; nothing else was said, and it was noted."""
    done = gate.ask(command, **environment)
    assert done.returncode in (77, 78), done
    assert done.stdout == b""
    line = done.stderr.decode("ascii")
    assert line.startswith("bck-gate: refused: ")
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line.strip().isprintable()
    return line.removeprefix("bck-gate: refused: ").strip()


@pytest.fixture
def homely(tmp_path: Path, require_tool) -> GateRig:
    """One that allows to restore into all homes, that of its own account included."""
    require_tool("rsync")
    for name in ("home/backupsvc/.ssh", "home/u/docs", "evil/.ssh"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home/backupsvc/.ssh/authorized_keys").write_text("only by the gate")
    for name in ("evil/.ssh/authorized_keys", "evil/authorized_keys", "evil/.bashrc"):
        (tmp_path / name).write_text("without a gate")
    (tmp_path / "home/u/way").symlink_to(tmp_path / "home/backupsvc/.ssh")
    homes = str(tmp_path / "home")
    rig = GateRig(folder=tmp_path / "gate", read=(homes,), restore=(homes,), home=tmp_path / "home/backupsvc")
    rig.write()
    return rig


@pytest.mark.parametrize(
    "into", ["", "backupsvc", "backupsvc/.ssh", "backupsvc/.config/new", "u/way", "backupsvc/docs", "new"]
)
def test_nothing_is_restored_into_the_home_of_the_account_of_the_gate(
    homely: GateRig, tmp_path: Path, into: str
) -> None:
    done = transferred(homely, f"{tmp_path}/evil/", f"pc:{tmp_path}/home/{into}/")
    assert done.returncode != 0
    assert b"the home of the account that the server logs in as" in done.stderr
    home = tmp_path / "home" / "backupsvc"
    assert (home / ".ssh" / "authorized_keys").read_text() == "only by the gate"
    assert [path.name for path in home.iterdir()] == [".ssh"]


def test_beside_that_home_it_is_restored_and_from_it_it_is_read(homely: GateRig, tmp_path: Path) -> None:
    done = transferred(homely, f"{tmp_path}/evil/", f"pc:{tmp_path}/home/u/docs/new/")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "home/u/docs/new/.bashrc").exists()
    assert pulled(homely, tmp_path / "home" / "backupsvc", tmp_path / "got").returncode == 0


def test_an_allowed_folder_is_sent_and_noted(gate: GateRig, pc: Path, tmp_path: Path) -> None:
    assert pulled(gate, pc / "docs", tmp_path / "got").returncode == 0
    assert (tmp_path / "got" / "f").read_text() == "mine"
    assert gate.logged() == [f"allowed: read {pc}/docs/, for nobody known"]


def test_an_allowed_folder_is_restored_into_and_no_other(gate: GateRig, pc: Path, tmp_path: Path) -> None:
    done = transferred(gate, f"{pc}/docs/", f"pc:{pc}/restored/new/-deep/")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (pc / "restored" / "new" / "-deep" / "f").read_text() == "mine"
    for place in (f"{pc}/docs", f"{pc}/secret", f"{pc}/restored2", f"{pc}"):
        assert transferred(gate, f"{pc}/docs/work/", f"pc:{place}/").returncode != 0
    assert sorted(os.listdir(pc)) == ["docs", "restored", "secret"]


def test_a_login_without_a_command_gets_no_shell(gate: GateRig) -> None:
    assert refusal(gate, None) == "there is no command, and a shell is not given"
    assert refusal(gate, "") == "there is no command, and a shell is not given"


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "sh",
        "id; rsync --server --sender -re.L . {pc}/docs/",
        READ + "{pc}/docs/; id",
        READ + "{pc}/docs/\nid",
        READ + "{pc}/secret/",
        READ + "{pc}/docs2/",
        READ + "{pc}/",
        READ + "/",
        READ + "{pc}/docs/../secret/",
        READ + "{pc}/docs/./../secret/",
        READ + "docs/",
        READ + "./",
        WRITE + "{pc}/docs/",
        WRITE + "{pc}/restored/../docs/",
        WRITE + "/",
        LOOK + "{pc}/secret",
        LOOK + "{pc}/docs {pc}/secret/key",
        LOOK + "{pc}/docs/link/key",
        LOOK + "/.",
        LOOK + "{pc}/docs //.",
        "rsync --server --sender -re.L --files-from=/etc/passwd . {pc}/docs/",
        "rsync --server --sender -re.L --log-file={pc}/docs/f . {pc}/docs/",
        "rsync --server --sender -rLe.L . {pc}/docs/",
        "rsync --server --sender --remove-source-files -re.L . {pc}/docs/",
        "rsync --server -re.L --delete . {pc}/restored/",
        "rsync --server --daemon .",
    ],
)
def test_everything_else_is_refused_in_one_line_and_changes_nothing(
    gate: GateRig, pc: Path, command: str
) -> None:
    (pc / "docs" / "link").symlink_to(pc / "secret")
    before = sorted(str(path) for path in pc.rglob("*"))
    refusal(gate, command.format(pc=pc))
    assert sorted(str(path) for path in pc.rglob("*")) == before
    [noted] = gate.logged()
    assert noted.startswith("refused: ")
    assert "for 192.0.2.7" in noted


def test_a_log_that_others_could_change_lets_nothing_through(gate: GateRig) -> None:
    gate.log.touch()
    gate.log.chmod(0o666)
    assert "can be written by other accounts" in refusal(gate, "bck-gate probe")


def test_what_a_hostile_server_asks_for_cannot_forge_lines_of_the_log(gate: GateRig) -> None:
    refusal(gate, "x\n2026-01-01 bck-gate[1] allowed: all\x1b[2J\u202e")
    [noted] = gate.logged()
    assert noted.endswith("asked for: x\\n2026-01-01 bck-gate[1] allowed: all\\x1b[2J\\u202e")
    refusal(gate, "y" * 20_000)
    assert len(gate.logged()[1]) < 2_100


def test_with_syslog_no_file_is_written_and_all_else_is_the_same(
    gate: GateRig, pc: Path, tmp_path: Path
) -> None:
    gate.more = {"log": "'syslog'"}
    gate.write()
    assert pulled(gate, pc / "docs", tmp_path / "got").returncode == 0
    assert (tmp_path / "got" / "f").read_text() == "mine"
    assert "is outside the folders" in refusal(gate, f"{READ}{pc}/secret/")
    assert not gate.log.exists()


def test_a_folder_that_was_swapped_for_a_link_is_not_sent(gate: GateRig, pc: Path, tmp_path: Path) -> None:
    os.rename(pc / "docs" / "work", tmp_path / "aside")
    (pc / "docs" / "work").symlink_to(pc / "secret")
    assert "leads by a link out of the folders" in refusal(gate, f"{READ}{pc}/docs/work/")
    (pc / "docs" / "up").symlink_to("..")
    assert "leads by a link out of the folders" in refusal(gate, f"{READ}{pc}/docs/up/secret/")
    (pc / "restored" / "out").symlink_to(pc / "docs")
    assert "leads by a link out of the folders" in refusal(gate, f"{WRITE}{pc}/restored/out/new/")


def test_an_allowed_folder_may_stand_behind_a_link_that_root_made() -> None:
    link = next(one for one in map(Path, ("/bin", "/lib", "/var/run", "/var/lock")) if one.is_symlink())
    before = os.getcwd()
    try:
        roots = [parsed_path(str(link), Platform.POSIX)]
        assert enter(f"{link}/", roots, Platform.POSIX, whole_root=True).argument == "./"
        assert os.path.samefile(".", link)
    finally:
        os.chdir(before)


def test_an_allowed_folder_that_another_account_swapped_for_a_link_leads_nowhere(
    gate: GateRig, pc: Path
) -> None:
    for name in ("docs", "restored"):
        os.rename(pc / name, pc / f"{name}-aside")
    (pc / "docs").symlink_to(pc / "secret")
    (pc / "restored").symlink_to("docs")
    for command in (f"{READ}{pc}/docs/", f"{READ}{pc}/docs/work/", f"{WRITE}{pc}/restored/new/"):
        assert "leads by a link out of the folders" in refusal(gate, command)


def test_links_in_a_circle_before_an_allowed_folder_lead_nowhere(gate: GateRig, pc: Path) -> None:
    os.rename(pc / "docs", pc / "aside")
    (pc / "docs").symlink_to("docs")
    refusal(gate, f"{READ}{pc}/docs/")


def test_of_what_lies_below_a_link_a_look_tells_nothing(pc: Path) -> None:
    (pc / "docs" / "link").symlink_to(pc / "secret")
    roots = [parsed_path(f"{pc}/docs", Platform.POSIX)]
    asked = [f"{pc}/docs", f"{pc}/docs/link", f"{pc}/docs/link/key"]
    assert paths_to_look_at(asked, roots, Platform.POSIX) == asked[:2]
    above = [str(pc.parent), str(pc), f"{pc}/docs"]
    assert paths_to_look_at(above, roots, Platform.POSIX) == above
    with pytest.raises(GateRefusedError, match="by a link"):
        paths_to_look_at(asked[2:], roots, Platform.POSIX)


def test_a_swap_after_the_decision_changes_nothing_of_what_is_read(pc: Path) -> None:
    roots = [parsed_path(f"{pc}/docs", Platform.POSIX)]
    before = os.getcwd()
    try:
        assert enter(f"{pc}/docs/work", roots, Platform.POSIX, whole_root=False).argument == "./"
        os.rename(pc / "docs" / "work", pc / "docs" / "aside")
        (pc / "docs" / "work").symlink_to(pc / "secret")
        assert os.listdir(".") == []
        assert os.path.samefile(".", pc / "docs" / "aside")
    finally:
        os.chdir(before)


def test_a_missing_folder_is_told_by_rsync_and_a_missing_restore_folder_by_the_gate(
    gate: GateRig, pc: Path, tmp_path: Path
) -> None:
    done = pulled(gate, pc / "docs" / "nope", tmp_path / "got")
    assert done.returncode == 23
    assert f'"{pc}/docs/nope" failed: No such file or directory'.encode() in done.stderr
    shutil.rmtree(pc / "restored")
    assert "cannot be entered" in refusal(gate, f"{WRITE}{pc}/restored/x/")


@pytest.mark.parametrize(
    ("more", "mode", "why"),
    [
        ({"rsync": "'/nowhere/rsync'"}, 0o600, "cannot be started"),
        ({"log": "'/nowhere/log'"}, 0o600, "cannot be written"),
        ({"reed": "[]"}, 0o600, "does not exist"),
        ({}, 0o666, "can be written by other accounts"),
    ],
)
def test_a_gate_that_is_not_in_order_lets_nothing_through(
    gate: GateRig, pc: Path, more: dict[str, str], mode: int, why: str
) -> None:
    gate.more = more
    gate.write()
    gate.config.chmod(mode)
    assert why in refusal(gate, f"{READ}{pc}/docs/")


def test_a_program_that_others_could_have_changed_is_not_started(
    gate: GateRig, pc: Path, tmp_path: Path
) -> None:
    program = tmp_path / "rsync"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\necho rsync version 3.4.1\n")
    program.chmod(0o777)
    gate.more = {"rsync": f"'{program}'"}
    gate.write()
    for command in (f"{READ}{pc}/docs/", f"{LOOK}{pc}/docs", f"{WRITE}{pc}/restored/", "bck-gate probe"):
        assert "can be written by other accounts" in refusal(gate, command)
    assert not (tmp_path / "started").exists()
    program.chmod(0o755)
    assert json.loads(gate.ask("bck-gate probe").stdout)["rsync"] == "3.4.1"
    assert (tmp_path / "started").exists()


def test_a_pc_without_rsync_says_so_when_it_is_probed(gate: GateRig, tmp_path: Path) -> None:
    gate.more = {"rsync": f"'{tmp_path}/none'"}
    gate.write()
    assert json.loads(gate.ask("bck-gate probe").stdout)["rsync"] == ""
    assert "it is not there" in refusal(gate, f"{READ}{tmp_path}/pc/docs/")


def test_the_program_gets_the_words_and_a_clean_environment(gate: GateRig, pc: Path, tmp_path: Path) -> None:
    program = tmp_path / "rsync"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nprint(sys.argv[1:], sorted(os.environ), os.getcwd())\n"
    )
    program.chmod(0o755)
    gate.more = {"rsync": f"'{program}'", "confine": "false"}
    gate.write()
    done = gate.ask(f"{READ}'{pc}/docs/'", RSYNC_RSH="evil", LD_PRELOAD="", RSYNC_CHECKSUM_LIST="none", X="y")
    words = ["--server", "--sender", "-ltre.LsfxCIvu", ".", "./"]
    assert done.stdout.decode() == f"{words} ['HOME', 'LC_ALL', 'PATH', 'TZ'] {pc}/docs\n"


CONFINED = """
    import os, sys
    from bck_apps.gate.confining import confine
    os.chdir({folder!r})
    assert confine(program="/usr/bin/rsync", folder={given}, writing={writing})
    def can(action):
        try:
            action()
            return "yes"
        except PermissionError:
            return "no"
    print(
        can(lambda: os.listdir(".")),
        can(lambda: os.listdir({secret!r})),
        can(lambda: open("link/key").read()),
        can(lambda: open("made", "w").close()),
        can(lambda: open({secret!r} + "/made", "w").close()),
        can(lambda: os.unlink({secret!r} + "/key")),
        can(lambda: os.rename("f", {secret!r} + "/f")),
    )
"""


@pytest.mark.parametrize(
    ("given", "writing", "answers"),
    [
        ("'.'", False, "yes no no no no no no"),
        ("'.'", True, "yes no no yes no no no"),
        ("None", False, "no no no no no no no"),
    ],
)
def test_the_kernel_holds_rsync_in_its_folder(pc: Path, given: str, writing: bool, answers: str) -> None:
    if not kernel_support():
        lacking("this kernel has no Landlock: run on Linux 5.19 or newer to try it")
    (pc / "docs" / "link").symlink_to(pc / "secret")
    script = CONFINED.format(folder=f"{pc}/docs", secret=f"{pc}/secret", given=given, writing=writing)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (answers, "")


def test_no_file_outside_is_read_as_a_list_of_rules(gate: GateRig, pc: Path, tmp_path: Path) -> None:
    """rsync's protocol lets the server name files of rules, which the command does not show."""
    if not kernel_support():
        lacking("this kernel has no Landlock: run on Linux 5.19 or newer to try it")
    (pc / "rules").write_text("- f\n")
    arguments = (f"--filter=: {pc}/rules", f"pc:{pc}/docs/", f"{tmp_path}/got/")
    assert transferred(gate, *arguments).returncode == 0
    assert (tmp_path / "got" / "f").exists()
    # Without the kernel's hold it is read: so the above shows something.
    (tmp_path / "got" / "f").unlink()
    gate.more = {"confine": "false"}
    gate.write()
    assert transferred(gate, *arguments).returncode == 0
    assert not (tmp_path / "got" / "f").exists()


def test_it_starts_without_what_the_server_needs(gate: GateRig) -> None:
    heavy = ("pydantic", "fabric", "sqlalchemy", "subprocess", "asyncio", "bck_apps.wiring")
    code = f"""if True:
        import sys
        import bck_apps.gate.main
        adapters = {{name for name in sys.modules if name.startswith("bck_adapters.")}}
        print([name for name in {heavy} if name in sys.modules], adapters - {{"bck_adapters.landlock"}})"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[] set()\n"


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_a_person_who_asks_for_help_gets_it(monkeypatch, capsys, word: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bck-gate", word])
    main()
    assert capsys.readouterr().out.startswith("usage: bck-gate")
