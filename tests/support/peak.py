"""How much memory a program has needed."""

from pathlib import Path


def peak_mb() -> float:
    """The most that this process ever held, in MiB.

    Of what the kernel counts this alone begins anew with a program: `ru_maxrss` of one that a large process
    started is never below what that held.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [held] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(held) / 1024
