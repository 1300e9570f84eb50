"""Everything about one profile: how it stands, its folders, its backup, its restore points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bck_apps.gui.api import Api
from bck_apps.gui.config import ProfileConfig
from bck_apps.gui.messages import Host, Job, Point, Profile, Session
from bck_apps.gui.problems import ClientError
from bck_apps.gui.texts import Moment, Phrase
from bck_apps.gui.viewmodels.backup_run import BackupRun
from bck_apps.gui.viewmodels.folder_choice import FolderChoice
from bck_apps.gui.viewmodels.observable import Observable
from bck_apps.gui.viewmodels.problem_list import ProblemList
from bck_apps.gui.viewmodels.standing import OVERDUE_AFTER, Standing, State, standing


class ProfilePage(Observable):
    """One profile. Its parts tell their own listeners, and the page tells of all."""

    def __init__(
        self,
        api: Api,
        profile: Profile,
        session: Session,
        *,
        new_key: Callable[[], str],
        saved: Callable[[Profile], None],
        changed: Callable[[], None],
        failed: Callable[[ClientError], None],
    ) -> None:
        super().__init__()
        self._api = api
        self._session = session
        self._saved = saved
        self._stale = changed
        self._failed = failed
        self._standing = Standing(state=State.UNKNOWN)
        self._heard = True
        self.host: Host | None = None
        self.points: tuple[Point, ...] = ()
        self.points_known = False
        self.folders = FolderChoice(profile, editable=session.may_configure)
        self.run = BackupRun(api, profile.name, new_key=new_key, ended=self._run_ended)
        self.problems = ProblemList(api)
        self.folders.subscribe(self._changed)
        self.run.subscribe(self._changed)

    @property
    def profile(self) -> Profile:
        """What the server holds."""
        return self.folders.profile

    @property
    def standing(self) -> Standing:
        """How it stands; running as soon as it is asked for, and not said to be well by hearsay."""
        if self.run.active:
            return Standing(state=State.RUNNING, last_good=self._standing.last_good)
        if not self._heard and self._standing.state is not State.UNKNOWN:
            return replace(self._standing, state=State.UNHEARD)
        return self._standing

    def hear(self, heard: bool) -> None:
        """Take note of whether the server answers."""
        if heard is not self._heard:
            self._heard = heard
            self._changed()

    def meet(self, host: Host | None) -> None:
        """Take note of how its computer stands with the server; None if that is not known."""
        self.host = host

    @property
    def needs_password(self) -> bool:
        """True if each start has to bring the password of the computer."""
        return self.host is not None and self.host.needs_password

    @property
    def enrolment(self) -> tuple[Phrase, ...]:
        """What is to be said of a computer that is not enrolled; empty for one that is."""
        host = self.host
        if host is None or not host.awaits_enrolment:
            return ()
        until = host.enrolment_open_until
        token = () if until is None else (Phrase("enrolment.open", {"time": Moment(until)}),)
        parts = ("what", "meaning", "advice")
        return (*(Phrase(f"problem.host-not-enrolled.{part}") for part in parts), *token)

    @property
    def why_not(self) -> Phrase | None:
        """Why "Back up now" cannot be pressed; None if it can."""
        reasons = (
            (self.run.starting, "why.starting"),
            (self.run.active or self._standing.state is State.RUNNING, "why.running"),
            (not self._heard, "why.unheard"),
            (not self._session.may_back_up, "why.role"),
            (not self.profile.enabled, "why.disabled"),
            (bool(self.enrolment), "why.enrolment"),
            (not self.folders.folders, "why.no-folder"),
            (not self.folders.valid, "why.bad-folder"),
            (self.folders.saving, "why.saving"),
            (self.folders.dirty, "why.unsaved"),
        )
        return next((Phrase(key) for applies, key in reasons if applies), None)

    @property
    def can_back_up(self) -> bool:
        """True with at least one valid, saved folder and no running job."""
        return self.why_not is None

    @property
    def can_stop(self) -> bool:
        """True if a job runs and this person may stop it."""
        return self.run.can_stop and self._session.may_back_up

    def back_up(self, password: str = "") -> None:
        """Start, if that is possible now: with the password of the computer just where one is needed."""
        if self.can_back_up and bool(password) is self.needs_password:
            self.run.start(password)

    def propose(self, wanted: ProfileConfig) -> None:
        """What config.json says of this profile becomes the draft."""
        self.folders.propose(wanted.folders, wanted.compression)

    def save_folders(self) -> None:
        """Send the draft to the server, which checks it against its allow-list."""
        if self.folders.can_save:
            changed = self.folders.changed_profile()
            self.folders.begin_saving()
            self._api.save_profile(changed).then(self._accepted, self._refused)

    def _accepted(self, profile: Profile) -> None:
        self.folders.accept(profile, saved=True)
        self._saved(profile)

    def _refused(self, error: ClientError) -> None:
        self.folders.refuse(error)
        self._failed(error)

    def load_points(self, then: Callable[[], None]) -> None:
        """Ask for the restore points; ``then`` is called when they are there."""

        def take(points: tuple[Point, ...]) -> None:
            self.points = tuple(sorted(points, key=lambda point: point.seq, reverse=True))
            self.points_known = True
            then()

        self._api.points(self.profile.name).then(take, self._failed)

    def judge(self, jobs: Sequence[Job], now: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> None:
        """Work out anew how it stands, and follow a job that runs."""
        if not self.points_known:
            return
        self._standing = standing(self.profile, self.points, jobs, now, overdue_after)
        self.problems.show(self._standing.ended)
        if self._standing.running is not None:
            self.run.attach(self._standing.running)
        self._changed()

    def _run_ended(self, job: Job) -> None:
        self._stale()

    def close(self) -> None:
        """Stop listening."""
        self.run.close()
