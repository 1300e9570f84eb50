"""A broken plugin is refused or reported by name, and takes nothing down with it.

The plugins here are real distributions in a folder on the path, found by their entry points.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from bck_adapters.memory import MemoryVault, SettableClock
from bck_apps.wiring.plugins import Plugins, load_plugins
from bckcore.domain.events import HostUnreachable, PointsPruned, RunFinished
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.source import parsed_sources
from bckcore.domain.target import Target
from bckcore.errors import NotFoundError
from bckcore.plugins.registry import AdapterContext
from tests.support.values import NOW, run_id

GOOD = """
    from bckcore.plugins.markers import hookimpl

    told = []

    @hookimpl
    def bck_run_finished(event):
        told.append(event)
"""
RUN = Run(
    id=run_id(1), profile=ProfileId("docs"), host=HostId("pc1"), job=JobId("j"), seq=1, started=NOW
).ended(RunOutcome.SUCCEEDED, NOW)
PROFILE = Profile(id=ProfileId("docs"), host=HostId("pc1"), sources=parsed_sources(["/home/u"]))


class Shelf:
    """A folder on the path with plugins in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[tuple[str, str]] = []

    def put(self, name: str, source: str) -> None:
        """Add the distribution ``bck-plugin-<name>`` with one module and one entry point."""
        (self.folder / f"bck_plugin_{name}.py").write_text(dedent(source))
        info = self.folder / f"bck_plugin_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bck-plugin-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[bck]\n{name} = bck_plugin_{name}\n")

    def load(self, *blocked: str) -> Plugins:
        """Load all there is."""
        return load_plugins(blocked=blocked, tell=lambda name, reason: self.reports.append((name, reason)))

    def refused(self, plugins: Plugins) -> dict[str, str]:
        """Reasons by name."""
        return {one.name: one.reason for one in plugins.report.refused}

    def told(self, name: str) -> list[object]:
        """What the plugin of that name noted."""
        found: list[object] = sys.modules[f"bck_plugin_{name}"].told
        return found


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.syspath_prepend(tmp_path)
    yield Shelf(tmp_path)
    for name in [name for name in sys.modules if name.startswith("bck_plugin_")]:
        del sys.modules[name]


def loaded(plugins: Plugins) -> list[str]:
    return [one.name for one in plugins.report.loaded]


def test_a_good_plugin_is_loaded_with_its_distribution_and_hooks_and_told(shelf: Shelf) -> None:
    shelf.put("good", GOOD)
    plugins = shelf.load()
    [found] = [one for one in plugins.report.loaded if one.name == "good"]
    assert (found.distribution, found.version, found.hooks) == (
        "bck-plugin-good",
        "1.2",
        ("bck_run_finished",),
    )
    plugins.run_finished(RunFinished(run=RUN))
    assert shelf.told("good") == [RunFinished(run=RUN)]


def test_the_built_in_adapters_come_the_same_way(shelf: Shelf) -> None:
    plugins = shelf.load()
    assert {"memory", "sql", "storage_fs", "rsync"} <= set(loaded(plugins))
    assert plugins.report.refused == ()
    assert shelf.reports == []


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("raises", "raise RuntimeError('broken at import')", "RuntimeError: broken at import"),
        ("quits", "raise SystemExit(3)", "SystemExit"),
        ("lacks", "import no_such_module_at_all", "ModuleNotFoundError"),
        ("syntax", "def broken(:", "SyntaxError"),
        (
            "unknown",
            GOOD + "\n    @hookimpl\n    def bck_run_startng(run):\n        return None\n",
            "bck_run_startng",
        ),
        (
            "argument",
            GOOD + "\n    @hookimpl\n    def bck_run_starting(run, colour):\n        return 'veto'\n",
            "colour",
        ),
        (
            "wraps",
            GOOD + "\n    @hookimpl(wrapper=True)\n    def bck_run_starting(run):\n        return (yield)\n",
            "wrapper",
        ),
    ],
)
def test_a_broken_plugin_is_refused_by_name_and_none_of_its_hooks_is_called(
    shelf: Shelf, name: str, source: str, reason: str
) -> None:
    shelf.put(name, source)
    shelf.put("good", GOOD)
    plugins = shelf.load()
    assert reason in shelf.refused(plugins)[name]
    assert [told for told, _ in shelf.reports] == [name]
    assert name not in loaded(plugins)
    assert {"good", "memory"} <= set(loaded(plugins))
    assert plugins.run_starting(RUN, PROFILE) is None
    plugins.run_finished(RunFinished(run=RUN))
    assert shelf.told("good") == [RunFinished(run=RUN)]
    if f"bck_plugin_{name}" in sys.modules and hasattr(sys.modules[f"bck_plugin_{name}"], "told"):
        assert shelf.told(name) == [], "a refused plugin was called"
    assert [told for told, _ in shelf.reports] == [name]


def test_a_blocked_plugin_is_not_even_imported(shelf: Shelf) -> None:
    shelf.put("raises", "raise RuntimeError('imported')")
    plugins = shelf.load("raises")
    assert shelf.refused(plugins) == {"raises": "blocked in the settings"}
    assert "bck_plugin_raises" not in sys.modules
    assert shelf.reports == []


def test_a_hook_that_raises_is_reported_and_the_others_are_called(shelf: Shelf) -> None:
    shelf.put(
        "angry",
        """
        from bckcore.plugins.markers import hookimpl

        @hookimpl
        def bck_run_starting(run, profile):
            raise ValueError("never")

        @hookimpl
        def bck_run_finished(event):
            raise ValueError("never")

        @hookimpl
        def bck_host_unreachable(event):
            raise ValueError("never")

        @hookimpl
        def bck_points_pruned(event):
            raise ValueError("never")

        @hookimpl
        def bck_vaults():
            raise ValueError("never")
        """,
    )
    shelf.put("good", GOOD)
    plugins = shelf.load()
    assert plugins.run_starting(RUN, PROFILE) is None
    plugins.run_finished(RunFinished(run=RUN))
    plugins.host_unreachable(HostUnreachable(host=HostId("pc1"), at=NOW, why="off"))
    plugins.points_pruned(PointsPruned(profile=ProfileId("docs"), decisions=()))
    assert plugins.names("bck_vaults")
    assert shelf.told("good") == [RunFinished(run=RUN)]
    assert {name for name, _ in shelf.reports} == {"angry"}
    assert [reason for _, reason in shelf.reports] == [
        f"{hook} raised ValueError: never"
        for hook in (
            "bck_run_starting",
            "bck_run_finished",
            "bck_host_unreachable",
            "bck_points_pruned",
            "bck_vaults",
        )
    ]


def test_a_veto_is_heard_also_beside_a_plugin_that_raises(shelf: Shelf) -> None:
    for name, body in (("a", "raise ValueError(1)"), ("b", "return ''"), ("c", "return 'not now'")):
        shelf.put(
            name,
            f"""
            from bckcore.plugins.markers import hookimpl

            @hookimpl
            def bck_run_starting(run):
                {body}
            """,
        )
    assert shelf.load().run_starting(RUN, PROFILE) == "not now"


def test_an_adapter_that_nobody_offers_is_not_found_and_the_offers_are_listed(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.put(
        "vault",
        """
        from bck_adapters.memory import MemoryVault
        from bckcore.plugins.markers import hookimpl

        @hookimpl
        def bck_vaults():
            return {"brass": lambda context: MemoryVault()}
        """,
    )
    plugins = shelf.load()
    context = AdapterContext(
        home=tmp_path,
        runtime_dir=tmp_path,
        target=Target(root=tmp_path),
        database_url="memory://",
        clock=SettableClock(),
    )
    assert isinstance(plugins.make("bck_vaults", "brass", context, "vault"), MemoryVault)
    with pytest.raises(NotFoundError, match="brass"):
        plugins.make("bck_vaults", "gold", context, "vault")


def test_an_offer_that_is_no_table_of_names_is_passed_over(shelf: Shelf) -> None:
    shelf.put(
        "odd",
        """
        from bckcore.plugins.markers import hookimpl

        @hookimpl
        def bck_vaults():
            return ["not", "a", "table"]
        """,
    )
    assert "not" not in shelf.load().names("bck_vaults")
