"""TimeLimit: how long a job may take in all, whatever it is made of."""

from collections.abc import Callable
from math import ceil

from bckcore.domain.profile import Profile
from bckcore.errors import TransferTimeoutError
from bckcore.ports.clock import Clock


class TimeLimit:
    """Runs from when it is made. What is left is asked for anew before each step: all steps share it."""

    def __init__(self, seconds: int | None, clock: Clock, over: Callable[[], TransferTimeoutError]) -> None:
        """``seconds``: None for no end. ``over`` makes the error of who asks when nothing is left."""
        self._clock = clock
        self._over = over
        self._until = None if seconds is None else clock.monotonic() + seconds

    def left(self) -> int | None:
        """Whole seconds; None where there is no end. Raises TransferTimeoutError."""
        if self._until is None:
            return None
        left = ceil(self._until - self._clock.monotonic())
        if left < 1:
            raise self._over()
        return left


def time_of_run(profile: Profile, clock: Clock) -> TimeLimit:
    """What a backup of the profile may take from now on."""
    return _time_of(
        profile,
        clock,
        "run",
        meaning="It was stopped; what had arrived is kept, and no restore point was made.",
        then="The next run goes on from there.",
    )


def time_of_restore(profile: Profile, clock: Clock) -> TimeLimit:
    """What a restore to the host of the profile may take from now on."""
    return _time_of(
        profile,
        clock,
        "restore",
        meaning="It was stopped; what the host had received stays there.",
        then="Asked for again, it goes on from there.",
    )


def _time_of(profile: Profile, clock: Clock, what: str, *, meaning: str, then: str) -> TimeLimit:
    seconds = profile.options.total_timeout

    def over() -> TransferTimeoutError:
        return TransferTimeoutError(
            f"The {what} took longer than the {seconds} s it may take.",
            meaning=meaning,
            advice=f"{then} More time: bck profile set {profile.id} --total-timeout TIME",
        )

    return TimeLimit(seconds, clock, over)
