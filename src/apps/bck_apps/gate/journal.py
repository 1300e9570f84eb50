"""What the gate let through and what it refused, kept on the PC."""

import os
import time

from bck_apps.gate.config import SYSLOG, require_safe
from bck_apps.gate.refusal import GateBrokenError, escaped

_LONGEST = 2_000


def note(log: str, text: str) -> None:
    """Write one line. Control characters are escaped. Raises GateBrokenError where it cannot be written."""
    line = escaped(text, most=_LONGEST)
    if log == SYSLOG:
        import syslog

        syslog.openlog("bck-gate", syslog.LOG_PID, syslog.LOG_AUTH)
        syslog.syslog(syslog.LOG_NOTICE, line)
        return
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(log, flags, 0o600)
        try:
            require_safe(log, os.fstat(fd))
            os.write(fd, f"{stamp} bck-gate[{os.getpid()}] {line}\n".encode())
        finally:
            os.close(fd)
    except OSError as exc:
        raise GateBrokenError(f"the log {log} cannot be written: {exc.strerror}") from exc
