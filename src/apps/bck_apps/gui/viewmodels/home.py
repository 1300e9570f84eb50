"""All profiles of the person who is signed in, kept fresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, ProfileConfig
from bck_apps.gui.messages import Host, Job, Profile, Session
from bck_apps.gui.problems import PASSING, ClientError, ConnectionFailedError, SignInError
from bck_apps.gui.viewmodels.auto import BETWEEN_TRIES, due_at
from bck_apps.gui.viewmodels.observable import Observable
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.viewmodels.standing import OVERDUE_AFTER


class Home(Observable):
    """The list on the left, and the page of the profile chosen there."""

    def __init__(
        self,
        api: Api,
        session: Session,
        config: ClientConfig,
        *,
        clock: Callable[[], datetime],
        new_key: Callable[[], str],
        save_wanted: Callable[[ProfileConfig], None],
        signed_out: Callable[[ClientError | None], None],
    ) -> None:
        super().__init__()
        self._api = api
        self._config = config
        self._clock = clock
        self._new_key = new_key
        self._save_wanted = save_wanted
        self._signed_out = signed_out
        self._jobs: tuple[Job, ...] = ()
        self._loading = False
        self._closed = False
        self._auto_tried: dict[str, datetime] = {}
        self.session = session
        self.pages: tuple[ProfilePage, ...] = ()
        self.chosen: ProfilePage | None = None
        self.known = False
        self.fresh_at: datetime | None = None
        self.error: ClientError | None = None
        self.missing: tuple[str, ...] = ()

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self._clock()

    def page(self, name: str) -> ProfilePage | None:
        """The page of a profile."""
        return next((page for page in self.pages if page.profile.name == name), None)

    def choose(self, name: str) -> None:
        """Show that profile's page."""
        page = self.page(name)
        if page is not self.chosen:
            self.chosen = page
            self._changed()

    def refresh(self) -> None:
        """Ask the server for profiles, jobs and points. Safe to call often."""
        if not self._loading and not self._closed:
            self._loading = True
            self._api.profiles().then(self._take_profiles, self._failed)

    def _take_profiles(self, profiles: tuple[Profile, ...]) -> None:
        if self._closed:
            return
        listed = {profile.name for profile in self._config.profiles}
        mine = [profile for profile in profiles if not listed or profile.name in listed]
        self.missing = tuple(sorted(listed - {profile.name for profile in mine}))
        before = {page.profile.name: page for page in self.pages}
        self.pages = tuple(self._page(profile, before.pop(profile.name, None)) for profile in mine)
        for page in before.values():
            page.close()
        if self.chosen not in self.pages:
            self.chosen = self.pages[0] if self.pages else None
        self.known = True
        self._changed()
        self._api.hosts().then(self._take_hosts, self._failed)
        self._api.jobs().then(self._take_jobs, self._failed)

    def _take_hosts(self, hosts: tuple[Host, ...]) -> None:
        if self._closed:
            return
        by_name = {host.name: host for host in hosts}
        for page in self.pages:
            page.meet(by_name.get(page.profile.host))
        self._changed()

    def _page(self, profile: Profile, page: ProfilePage | None) -> ProfilePage:
        if page is not None:
            page.folders.refresh(profile)
            return page
        page = ProfilePage(
            self._api,
            profile,
            self.session,
            new_key=self._new_key,
            saved=self._profile_saved,
            changed=self.refresh,
            failed=self._failed,
        )
        wanted = self._config.profile(profile.name)
        if wanted is not None:
            page.propose(wanted)
        page.subscribe(self._changed)
        return page

    def _profile_saved(self, profile: Profile) -> None:
        if self._config.profile(profile.name) is not None:
            wanted = ProfileConfig(
                name=profile.name,
                folders=tuple(source.path for source in profile.sources),
                compression=profile.compress,
            )
            self._config = self._config.with_profile(wanted)
            self._save_wanted(wanted)

    def _take_jobs(self, jobs: tuple[Job, ...]) -> None:
        if self._closed:
            return
        self._jobs, self._loading = jobs, False
        self.fresh_at, self.error = self._clock(), None
        for page in self.pages:
            page.hear(True)
            page.load_points(self.judge)
        self.judge()

    def judge(self) -> None:
        """Work out anew how each profile stands: time passes even when nothing is heard."""
        for page in self.pages:
            page.judge(self._known_jobs(page), self._clock(), self._overdue_after)
        self._changed()

    def _known_jobs(self, page: ProfilePage) -> Sequence[Job]:
        """The server's list, which may be older than what the page has seen end."""
        seen = page.run.job
        if seen is None:
            return self._jobs
        return (seen, *(job for job in self._jobs if job.job_id != seen.job_id))

    @property
    def _overdue_after(self) -> timedelta:
        scheduler = self._config.scheduler
        return timedelta(hours=2 * scheduler.every_hours) if scheduler.enabled else OVERDUE_AFTER

    def next_auto(self, page: ProfilePage) -> datetime | None:
        """When a backup of that profile starts by itself; never where a person has to give a password, or may
        have to: that is known once the server has told of the computer."""
        if page.host is None or page.needs_password:
            return None
        return due_at(self._config.scheduler, page.standing)

    def tick(self) -> None:
        """Call every minute or so: judge, start what is due, ask for news."""
        self.judge()
        if self.error is None:
            for page in self.pages:
                self._start_if_due(page, self._clock())
        self.refresh()

    def _start_if_due(self, page: ProfilePage, now: datetime) -> None:
        due, name = self.next_auto(page), page.profile.name
        tried = self._auto_tried.get(name)
        rested = tried is None or tried + BETWEEN_TRIES <= now
        if due is not None and due <= now and rested and page.can_back_up:
            self._auto_tried[name] = now
            page.back_up()

    def _failed(self, error: ClientError) -> None:
        self._loading = False
        if self._closed:
            return
        if isinstance(error, SignInError):
            self._signed_out(error)
        elif isinstance(error, PASSING) or not self.known:
            self.error = error
            for page in self.pages:
                page.hear(not isinstance(error, ConnectionFailedError))
            self._changed()

    def close(self) -> None:
        """Stop listening to anything."""
        self._closed = True
        for page in self.pages:
            page.close()
