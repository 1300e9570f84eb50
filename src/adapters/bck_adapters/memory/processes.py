"""MemoryProcesses: a machine whose processes live and die as a test says."""

from dataclasses import dataclass, field, replace

from bckcore.domain.holder import Holder

ME = Holder(machine="here", boot="first", space="pid:[1]", pid=100, started=1, host_name="here")


@dataclass
class MemoryProcesses:
    """Processes. A process lives while it is in ``alive``; ``ended`` tells what was killed, in order."""

    mine: Holder = ME
    alive: set[Holder] = field(default_factory=set)
    ended: list[Holder] = field(default_factory=list)

    def me(self) -> Holder:
        """See the port."""
        return self.mine

    def other(self, pid: int, started: int = 1) -> Holder:
        """A process of this machine, alive."""
        made = replace(self.mine, pid=pid, started=started)
        self.alive.add(made)
        return made

    def named(self, pid: int) -> Holder | None:
        """See the port."""
        return next((one for one in {self.mine, *self.alive} if one.pid == pid), None)

    def is_dead(self, holder: Holder) -> bool:
        """See the port."""
        return holder.beside(self.mine) and holder != self.mine and holder not in self.alive

    def kill(self, holder: Holder, *, using: tuple[int, int]) -> bool:
        """See the port; every process has every file open."""
        if holder == self.mine or holder not in self.alive:
            return False
        self.alive.remove(holder)
        self.ended.append(holder)
        return True

    def kill_group(self, leader: Holder, *, using: tuple[int, int]) -> int:
        """See the port; a group is its leader."""
        return int(self.kill(leader, using=using))
