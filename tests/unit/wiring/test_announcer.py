"""Notifiers are made once, told of every event after the hooks, and never take anything down."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest

from bck_adapters.memory import MemoryOutbox, RecordingChannel, RecordingNotifier, SettableClock
from bck_apps.wiring.announcer import Announcer
from bck_apps.wiring.plugins import PluginReport, Plugins
from bckcore.domain.events import (
    HostKeyRefused,
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.notice import NoticeKind, TellingPlan
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.source import parsed_sources
from bckcore.domain.target import Target
from bckcore.plugins import hookspecs
from bckcore.plugins.markers import PROJECT_NAME, hookimpl
from bckcore.plugins.registry import AdapterContext
from bckcore.ports.notifier import Channel
from bckcore.services.notices import NoticeService
from tests.support.values import NOW, run_id

RUN = Run(
    id=run_id(1), profile=ProfileId("docs"), host=HostId("pc1"), job=JobId("j"), seq=1, started=NOW
).ended(RunOutcome.SUCCEEDED, NOW)
EVENTS = (
    RunFinished(run=RUN),
    HostUnreachable(host=HostId("pc1"), at=NOW, why="off"),
    PointsPruned(profile=ProfileId("docs"), decisions=()),
    ProfileStale(
        profile=ProfileId("docs"),
        host=HostId("pc1"),
        at=NOW,
        fresh_within=timedelta(days=3),
        good_at=None,
        offline_since=None,
    ),
    ProfileRecovered(profile=ProfileId("docs"), host=HostId("pc1"), at=NOW, told_at=NOW),
    HostKeyRefused(host=HostId("pc1"), at=NOW, address="", pinned=("SHA256:a",), shown=("SHA256:b",)),
)


class Desk:
    """Plugins made of plain functions, and what was reported of them."""

    def __init__(self, home: Path) -> None:
        self.reports: list[tuple[str, str]] = []
        self.outbox = MemoryOutbox()
        self.manager = pluggy.PluginManager(PROJECT_NAME)
        self.manager.add_hookspecs(hookspecs)
        self.context = AdapterContext(
            home=home,
            runtime_dir=home,
            target=Target(root=home),
            database_url="memory:",
            clock=SettableClock(),
        )

    def add(self, name: str, **hooks: Callable[..., object]) -> None:
        """Register a plugin."""
        self.manager.register(SimpleNamespace(**{hook: hookimpl(one) for hook, one in hooks.items()}), name)

    def announcer(self) -> Announcer:
        """As the container makes it."""
        tell = lambda name, reason: self.reports.append((name, reason))  # noqa: E731  # one line of its own
        plugins = Plugins(self.manager, PluginReport(loaded=(), refused=()), tell)
        offered = plugins.notifiers(self.context)
        channels = {one.name: one.notifier for one in offered if isinstance(one.notifier, Channel)}
        plan = TellingPlan(kinds=frozenset(NoticeKind))
        self.notices = NoticeService(
            outbox=self.outbox, channels=channels, plan=plan, clock=self.context.clock
        )
        return Announcer(plugins, offered, self.notices)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def announce_all(announcer: Announcer) -> None:
    announcer.run_finished(EVENTS[0])
    announcer.host_unreachable(EVENTS[1])
    announcer.points_pruned(EVENTS[2])
    announcer.profile_stale(EVENTS[3])
    announcer.profile_recovered(EVENTS[4])
    announcer.host_key_refused(EVENTS[5])


def test_a_notifier_is_made_once_with_the_context_and_told_of_every_event(desk: Desk) -> None:
    notifier, given = RecordingNotifier(), []

    def factory(context):
        given.append(context)
        return notifier

    desk.add("good", bck_notifiers=lambda: {"recording": factory})
    announce_all(desk.announcer())
    assert notifier.events == list(EVENTS)
    assert given == [desk.context]
    assert desk.reports == []


def test_hooks_come_before_notifiers(desk: Desk) -> None:
    order: list[str] = []
    notifier = SimpleNamespace(notify=lambda event: order.append("notifier"))
    desk.add(
        "both",
        bck_notifiers=lambda: {"one": lambda context: notifier},
        bck_run_finished=lambda event: order.append("hook"),
    )
    desk.announcer().run_finished(EVENTS[0])
    assert order == ["hook", "notifier"]


def test_a_notifier_that_fails_is_reported_by_name_and_the_others_are_told(desk: Desk) -> None:
    def cannot_be_made(context):
        raise OSError("no network")

    good = RecordingNotifier()
    desk.add("angry", bck_notifiers=lambda: {"no-notify": lambda context: object()})
    desk.add("absent", bck_notifiers=lambda: {"mail": cannot_be_made})
    desk.add("good", bck_notifiers=lambda: {"recording": lambda context: good})
    announcer = desk.announcer()
    announcer.run_finished(EVENTS[0])
    assert good.events == [EVENTS[0]]
    assert [name for name, _ in desk.reports] == ["absent", "angry"]
    assert "notifier 'mail' raised OSError: no network" in desk.reports[0][1]
    assert "notifier 'no-notify' raised AttributeError" in desk.reports[1][1]


def test_a_veto_passes_through(desk: Desk) -> None:
    desk.add("pause", bck_run_starting=lambda run, profile: f"{profile.id} waits")
    profile = Profile(id=ProfileId("docs"), host=HostId("pc1"), sources=parsed_sources(["/home/u"]))
    assert desk.announcer().run_starting(RUN, profile) == "docs waits"


def test_for_a_channel_it_is_noted_and_nothing_is_delivered_here(desk: Desk) -> None:
    channel = RecordingChannel()
    desk.add("slow", bck_notifiers=lambda: {"slow": lambda context: channel})
    announce_all(desk.announcer())
    assert channel.tries == 0
    kinds = {one.notice.kind for one in desk.outbox.waiting("slow")}
    expected = {NoticeKind.SUCCEEDED, NoticeKind.UNREACHABLE, NoticeKind.STALE, NoticeKind.RECOVERED}
    expected.add(NoticeKind.HOST_KEY)
    assert kinds == expected
    desk.notices.deliver(at_once=True)
    assert {one.notice.kind for one in channel.digests[0].items} == expected
    assert desk.reports == []


def test_what_the_settings_do_not_want_is_not_made(desk: Desk) -> None:
    desk.add("maybe", bck_notifiers=lambda: {"mail": lambda context: None})
    announce_all(desk.announcer())
    assert desk.reports == []
    assert desk.outbox.channels() == []
