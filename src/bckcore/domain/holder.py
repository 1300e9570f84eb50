"""Holder: which process, on which machine, holds something; enough to tell it from every other one."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process, past or present. Numbers of processes are used again; all fields together never are."""

    machine: str
    """Name of the machine for programs; the same after a restart."""
    boot: str
    """Of this start of the machine's kernel, and of no other."""
    space: str
    """Which numbers ``pid`` is one of: a container has its own."""
    pid: int
    started: int
    """When, in ticks of that kernel."""
    host_name: str
    """For people."""

    def beside(self, other: "Holder") -> bool:
        """True if the two can see one another: same machine, same start of it, same numbers."""
        mine, theirs = (self.machine, self.boot, self.space), (other.machine, other.boot, other.space)
        return mine == theirs and all(mine)

    def went_with_its_machine(self, now: "Holder") -> bool:
        """True if its machine was started anew since, as ``now``, a process of that machine, shows."""
        return bool(self.machine and self.boot and now.boot) and (
            self.machine == now.machine and self.boot != now.boot
        )

    def data(self) -> dict[str, object]:
        """As JSON; :meth:`of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, data: object) -> "Holder | None":
        """What :meth:`data` gave; None for anything else, also of another version of this program."""
        if not isinstance(data, dict) or data.keys() != set(cls.__slots__):
            return None
        texts, numbers = ("machine", "boot", "space", "host_name"), ("pid", "started")
        fits = all(isinstance(data[name], str) for name in texts)
        fits = fits and all(type(data[name]) is int and data[name] >= 0 for name in numbers)
        return cls(**data) if fits else None

    @property
    def text(self) -> str:
        """For people."""
        return f"process {self.pid} on {self.host_name or 'an unnamed machine'}"
