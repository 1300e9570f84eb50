"""A runner for an opened installation."""

from bck_apps.runner.housekeeping import Housekeeping
from bck_apps.runner.loop import Runner
from bck_apps.runner.nightly import NightlyCheck
from bck_apps.runner.scheduler import ScheduledBackups
from bck_apps.wiring import Application
from bckcore.domain.nightly import Nightly
from bckcore.services.old_problems import OldProblems


def made_runner(application: Application, *, name: str) -> Runner:
    """A Runner as the installation's settings want it."""
    settings, check = application.settings.runner, application.settings.check
    nightly = NightlyCheck(
        nightly=Nightly.of(check.at, check.time_zone),
        sample=check.sample,
        profiles=application.profiles,
        check_jobs=application.check_jobs,
        elsewhere=application.profiles_elsewhere,
        clock=application.clock,
    )
    jobs = application.settings.jobs
    housekeeping = Housekeeping(
        queue=application.queue,
        old_problems=OldProblems(application.units),
        clock=application.clock,
        keep_days=jobs.keep_days,
        keep_per_profile=jobs.keep_per_profile,
    )
    scheduler = ScheduledBackups(
        scheduler=application.scheduler,
        clock=application.clock,
        look_seconds=application.settings.scheduler.look_seconds,
        start=application.settings.scheduler.enabled,
    )

    def on_round() -> None:
        scheduler.look()
        if check.enabled:
            nightly.look()
        housekeeping.look()

    return Runner(
        queue=application.queue,
        worker=application.worker,
        clock=application.clock,
        processes=application.processes,
        name=name,
        slots=settings.jobs,
        lease_seconds=settings.lease_seconds,
        poll_seconds=settings.poll_seconds,
        bell=application.bell,
        on_round=on_round,
    )
