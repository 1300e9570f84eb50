"""A runner for an opened installation, and the entry that runs one without the API."""

import os
import socket
import sys
from threading import Thread

from bck_apps.runner.housekeeping import Housekeeping
from bck_apps.runner.loop import Runner
from bck_apps.runner.nightly import NightlyCheck
from bck_apps.runner.presence import ServeLock
from bck_apps.runner.scheduler import ScheduledBackups
from bck_apps.runner.signals import StopSignals
from bck_apps.runner.telling import Telling
from bck_apps.wiring import Application, home_folder, open_application
from bck_apps.wiring.logs import configure_from
from bckcore.domain.nightly import Nightly
from bckcore.errors import BckError

_WATCH_SECONDS = 1.0


def made_runner(application: Application, *, name: str) -> Runner:
    """A Runner as the installation's settings want it."""
    settings, check = application.settings.runner, application.settings.check
    nightly = NightlyCheck(
        nightly=Nightly.of(check.at, check.time_zone),
        sample=check.sample,
        profiles=application.profiles,
        check_jobs=application.check_jobs,
        clock=application.clock,
    )
    jobs = application.settings.jobs
    housekeeping = Housekeeping(
        queue=application.queue,
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


def run(application: Application) -> None:
    """Carry out jobs until SIGTERM or SIGINT; running jobs then go back to the queue."""
    runner = made_runner(application, name=f"runner@{socket.gethostname()}:{os.getpid()}")
    with (
        ServeLock(application.home, clock=application.clock, note="runner only"),
        Telling(application.notices),
        StopSignals() as signals,
    ):
        thread = Thread(target=runner.run, name="runner")
        thread.start()
        while thread.is_alive() and not signals.wait(_WATCH_SECONDS):
            pass
        runner.stop()
        thread.join()


def main() -> int:
    """``python -m bck_apps.runner.main``: a runner alone, for the installation that BCK_HOME names."""
    try:
        with open_application(home_folder()) as application:
            configure_from(application.settings.logging)
            run(application)
    except BckError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
