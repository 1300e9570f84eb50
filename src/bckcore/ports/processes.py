"""Processes: who we are, whether another process of this machine is gone, and how it is made to go."""

from typing import Protocol

from bckcore.domain.holder import Holder


class Processes(Protocol):
    """Thread-safe. What another machine, another start of this one or another container counts is unknown
    here: such a process is never dead and never killed."""

    def me(self) -> Holder:
        """This process; the same as long as it lives, another one in a child."""

    def named(self, pid: int) -> Holder | None:
        """The process that has this number now; None if there is none, or it may not be looked at."""

    def is_dead(self, holder: Holder) -> bool:
        """True only if it is proved that this process runs no more; False where it lives, frozen or not,
        and whenever there is any doubt."""

    def kill(self, holder: Holder, *, using: tuple[int, int]) -> bool:
        """End it at once, if it has the file ``using`` (device, inode) open; False where it has not, is
        not there, is ourselves, or may not be ended.

        A process that merely has the same number is never touched.
        """

    def kill_group(self, leader: Holder, *, using: tuple[int, int]) -> int:
        """End at once what is left of the process group that ``leader`` began; how many processes.

        Only if one of them has the file ``using`` (device, inode) open: that proves the group to be the one
        that is meant, also when its leader is gone. A group that merely has the same number is never touched.
        """
