"""The processes of this machine."""

from bck_adapters.processes.linux import LinuxProcesses

__all__ = ["LinuxProcesses"]
