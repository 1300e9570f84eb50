"""Plugins: load, block, check; and call their hooks so that none can take a run or the API down."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, TypeVar, cast

import pluggy

from bckcore.domain.events import (
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run
from bckcore.errors import NotFoundError
from bckcore.plugins import hookspecs
from bckcore.plugins.markers import ENTRY_POINT_GROUP, PROJECT_NAME
from bckcore.plugins.registry import AdapterContext, QueueContext
from bckcore.ports.notifier import Channel, Notifier

Made = TypeVar("Made")
Report = Callable[[str, str], None]
"""Told of a plugin's name and of what went wrong in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugin:
    """One plugin that is in use."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPlugin:
    """One plugin that is not, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """Every plugin that was found, by name."""

    loaded: tuple[LoadedPlugin, ...]
    refused: tuple[RefusedPlugin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedNotifier:
    """A notifier that is in use, the name it is offered by, and the plugin to blame."""

    plugin: str
    name: str
    notifier: Notifier | Channel


class Plugins:
    """The loaded plugins and their hooks.

    Each implementation is called on its own: one that raises is reported by name and passed over.
    """

    def __init__(self, manager: pluggy.PluginManager, report: PluginReport, tell: Report) -> None:
        self._manager = manager
        self.report = report
        self._tell = tell

    def make(self, hook: str, name: str, context: AdapterContext | QueueContext, what: str) -> object:
        """Build the adapter called ``name`` that some plugin offers through ``hook``."""
        offers = {offered: factory for _, offered, factory in self._offers(hook)}
        if name not in offers:
            raise NotFoundError(
                f"No plugin offers the {what} {name!r}.",
                advice=f"Offered are: {', '.join(sorted(offers)) or 'none'}. See 'bck plugins'.",
            )
        return offers[name](context)

    def names(self, hook: str) -> list[str]:
        """Names offered through a factory hook."""
        return sorted({name for _, name, _ in self._offers(hook)})

    def notifiers(self, context: AdapterContext) -> tuple[OfferedNotifier, ...]:
        """Every notifier that is offered and wanted; one that cannot be made is reported and left out."""
        made: list[OfferedNotifier] = []
        for plugin, name, factory in self._offers("bck_notifiers"):
            try:
                notifier = cast("Notifier | Channel | None", factory(context))
            except Exception as exc:  # noqa: BLE001  # a broken notifier must not keep backups from running
                self.tell(plugin, f"notifier {name!r}", exc)
            else:
                if notifier is not None:
                    made.append(OfferedNotifier(plugin=plugin, name=name, notifier=notifier))
        return tuple(made)

    def run_starting(self, run: Run, profile: Profile) -> str | None:
        """The first veto, if any."""
        answers = self._call("bck_run_starting", {"run": run, "profile": profile})
        return next((str(answer) for _, answer in answers if answer), None)

    def run_finished(self, event: RunFinished) -> None:
        """Tell every plugin."""
        self._call("bck_run_finished", {"event": event})

    def host_unreachable(self, event: HostUnreachable) -> None:
        """Tell every plugin."""
        self._call("bck_host_unreachable", {"event": event})

    def points_pruned(self, event: PointsPruned) -> None:
        """Tell every plugin."""
        self._call("bck_points_pruned", {"event": event})

    def profile_stale(self, event: ProfileStale) -> None:
        """Tell every plugin."""
        self._call("bck_profile_stale", {"event": event})

    def profile_recovered(self, event: ProfileRecovered) -> None:
        """Tell every plugin."""
        self._call("bck_profile_recovered", {"event": event})

    def tell(self, plugin: str, what: str, error: Exception) -> None:
        """Report a plugin that raised."""
        self._tell(plugin, f"{what} raised {type(error).__name__}: {error}")

    def _offers(self, hook: str) -> Iterator[tuple[str, str, Callable[[Any], object]]]:
        """Plugin, name and factory of everything that is offered through a factory hook."""
        for plugin, offered in self._call(hook, {}):
            if isinstance(offered, Mapping):
                yield from ((plugin, name, factory) for name, factory in offered.items())

    def _call(self, hook: str, values: Mapping[str, object]) -> list[tuple[str, object]]:
        """What each implementation answered, with the name of its plugin."""
        answers: list[tuple[str, object]] = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            try:
                answer = implementation.function(*(values[name] for name in implementation.argnames))
            except Exception as exc:  # noqa: BLE001  # whatever a plugin does, the run goes on
                self.tell(plugin, hook, exc)
            else:
                answers.append((plugin, answer))
        return answers


def load_plugins(*, blocked: tuple[str, ...], tell: Report) -> Plugins:
    """Load everything in the entry-point group but ``blocked``; never raises for a bad plugin."""
    manager = pluggy.PluginManager(PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    loaded: list[LoadedPlugin] = []
    refused: list[RefusedPlugin] = []
    for entry in _offered(tuple(sys.path)):
        if entry.name in blocked:
            refused.append(RefusedPlugin(name=entry.name, reason="blocked in the settings"))
            continue
        reason = _registered(manager, entry)
        if reason is None:
            loaded.append(_loaded(manager, entry))
        else:
            refused.append(RefusedPlugin(name=entry.name, reason=reason))
            tell(entry.name, reason)
    return Plugins(manager, PluginReport(loaded=tuple(loaded), refused=tuple(refused)), tell)


@cache
def _offered(_places: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Every plugin that is installed in these places, by name; looked for once, since that takes a while."""
    return tuple(sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name))


@cache
def _told(distribution: Distribution) -> tuple[str, str]:
    """Its name and version, read once for both."""
    about = distribution.metadata
    return about["Name"], about["Version"]


def _registered(manager: pluggy.PluginManager, entry: EntryPoint) -> str | None:
    """Register one plugin; the reason if it cannot be."""
    try:
        plugin = entry.load()
        manager.register(plugin, name=entry.name)
    except (Exception, SystemExit) as exc:  # noqa: BLE001  # a broken plugin is refused, whatever breaks it
        return f"cannot be loaded: {type(exc).__name__}: {exc}"
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        manager.unregister(plugin)
        return f"has a hook that does not exist: {exc}"
    if wrappers := _wrappers(manager, entry.name):
        manager.unregister(plugin)
        return f"has a hook wrapper, and hooks are called one by one: {', '.join(wrappers)}"
    return None


def _wrappers(manager: pluggy.PluginManager, name: str) -> list[str]:
    callers = manager.get_hookcallers(manager.get_plugin(name)) or []
    return [
        caller.name
        for caller in callers
        for one in caller.get_hookimpls()
        if one.plugin_name == name and (one.wrapper or one.hookwrapper)
    ]


def _loaded(manager: pluggy.PluginManager, entry: EntryPoint) -> LoadedPlugin:
    callers = manager.get_hookcallers(manager.get_plugin(entry.name)) or []
    name, version = _told(entry.dist) if entry.dist else ("", "")
    return LoadedPlugin(
        name=entry.name,
        distribution=name,
        version=version,
        hooks=tuple(sorted(caller.name for caller in callers)),
    )
