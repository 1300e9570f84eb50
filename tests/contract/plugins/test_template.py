"""The plugin that authors copy: installed by pip, found by its entry point, at work in the real program."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_apps.wiring.plugins import Plugins, load_plugins
from tests.architecture.source import ROOT
from tests.support.cli import Bck

TEMPLATE = ROOT / "plugins" / "bck-plugin-template"
HOOKS = ("bck_notifiers", "bck_run_starting")
BUILT_IN = ["mail", "webhook"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin in it, put there as a stranger would: from its sources, offline."""
    folder = tmp_path_factory.mktemp("template")
    sources, target = folder / "sources", folder / "site"
    shutil.copytree(TEMPLATE, sources, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["install", "--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--no-compile"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "--target", str(target)]
    done = subprocess.run([*command, str(sources)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def broken(installed: Path, tmp_path: Path) -> Path:
    """The same plugin after a slip of the pen in the name of a hook."""
    folder = tmp_path / "broken"
    shutil.copytree(installed, folder)
    plugin = folder / "bck_plugin_template" / "plugin.py"
    plugin.write_text(plugin.read_text().replace("def bck_run_starting", "def bck_run_startng"))
    return folder


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("bck_plugin_template")]:
        del sys.modules[name]


def loaded_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plugins, list[tuple[str, str]]]:
    """All plugins with ``folder`` on the path, and what was reported of them."""
    reports: list[tuple[str, str]] = []
    monkeypatch.syspath_prepend(folder)
    return load_plugins(blocked=(), tell=lambda name, why: reports.append((name, why))), reports


def test_it_is_loaded_by_its_entry_point(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins, reports = loaded_from(installed, monkeypatch)
    [found] = [one for one in plugins.report.loaded if one.name == "template"]
    assert (found.distribution, found.hooks) == ("bck-plugin-template", HOOKS)
    assert plugins.names("bck_notifiers") == ["journal", *BUILT_IN]
    assert reports == []


def test_a_broken_copy_is_refused_by_name(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins, reports = loaded_from(broken, monkeypatch)
    [refused] = plugins.report.refused
    assert refused.name == "template"
    assert "bck_run_startng" in refused.reason
    assert reports == [("template", refused.reason)]
    assert plugins.names("bck_notifiers") == BUILT_IN


def test_its_own_tests_pass_on_what_was_installed(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE / "tests", tmp_path / "tests")
    shutil.copy(TEMPLATE / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Site:
    """An installation of the program with plugins on its path, backing up a folder of this machine."""

    def __init__(self, folder: Path, plugins: Path) -> None:
        self.pc = folder / "pc"
        self.pc.mkdir()
        (self.pc / "letter.txt").write_text("one")
        (folder / "server").mkdir()
        self.bck = Bck(folder / "server", settings={"PYTHONPATH": str(plugins)})
        self.bck.init()
        self.bck.ok("host", "add", "pc1", "--transport", "local", "--allow", str(self.pc))
        self.bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(self.pc))

    def journal(self) -> list[dict[str, object]]:
        """The lines that the plugin wrote."""
        return [json.loads(line) for line in (self.bck.home / "journal.jsonl").read_text().splitlines()]


def test_its_journal_tells_of_runs_and_its_pause_file_vetoes_them(
    installed: Path, tmp_path: Path, require_tool
) -> None:
    require_tool("rsync")
    site = Site(tmp_path, installed)
    [mine] = [one for one in site.bck.ok("plugins")["loaded"] if one["name"] == "template"]
    assert tuple(mine["hooks"]) == HOOKS
    run = site.bck.ok("backup", "docs", "--wait")
    (site.bck.home / "pause").write_text("new disk")
    refused = site.bck.ok("backup", "docs", "--wait", code=1)
    assert refused["error"]["code"] == "vetoed"
    assert "backups are paused: new disk" in refused["error"]["what"]
    (site.bck.home / "pause").unlink()
    site.bck.ok("backup", "docs", "--wait")
    lines = site.journal()
    assert [(line["event"], line["outcome"], line["error_code"]) for line in lines] == [
        ("run-finished", "succeeded", ""),
        ("run-finished", "failed", "vetoed"),
        ("run-finished", "succeeded", ""),
    ]
    assert lines[0]["run_id"] == run["run_id"]


def test_backups_go_on_beside_a_broken_copy(broken: Path, tmp_path: Path, require_tool) -> None:
    require_tool("rsync")
    site = Site(tmp_path, broken)
    [refused] = site.bck.ok("plugins")["refused"]
    assert refused["name"] == "template"
    site.bck.ok("doctor", code=1)
    site.bck.ok("backup", "docs", "--wait")
    assert not (site.bck.home / "journal.jsonl").exists()


def test_a_journal_that_cannot_be_written_is_reported_by_name_and_the_run_stands(
    installed: Path, tmp_path: Path, require_tool
) -> None:
    require_tool("rsync")
    site = Site(tmp_path, installed)
    (site.bck.home / "journal.jsonl").mkdir()
    done = site.bck.run("backup", "docs", "--wait")
    assert done.code == 0
    assert "plugin template: notifier 'journal' raised IsADirectoryError" in done.err
