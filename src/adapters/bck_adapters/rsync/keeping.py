"""What a pull has displaced stays as it is: the kernel sees to that, whatever the PC makes rsync do.

A hijacked PC may send a file twice. rsync displaces it twice, and the second time removes what it finds in
the backup folder: the good copy. Under Landlock no file there can be removed, replaced or opened for writing;
files can only be added.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bck_adapters.landlock import REFER, REMOVE_FILE, WRITE, Grant, Rules, kernel_support, take_on

NOT_HELD = (
    "A PC that sends a file twice could have its good copy overwritten: this kernel has no Landlock, or what "
    "started this process forbids it (SystemCallFilter)."
)
_CHANGE = REMOVE_FILE | REFER | WRITE
_T = TypeVar("_T")


def keeping_rules(*changed: Path, displaced: Path) -> Rules | None:
    """Files may be removed, replaced and written to in the ``changed`` folders alone, and moved to
    ``displaced``. None where the kernel cannot hold programs to that."""
    if not kernel_support():
        return None
    grants = [Grant(path=str(folder), rights=_CHANGE) for folder in changed]
    grants.append(Grant(path=str(displaced), rights=REFER))
    grants.append(Grant(path="/dev", rights=WRITE))
    return Rules(handled=_CHANGE, grants=grants)


def started_under(rules: Rules, start: Callable[[], _T]) -> _T:
    """What ``start`` gives, called under the rules; whoever calls is not bound by them. Raises OSError.

    It runs in a thread of its own, which ends with it, so nothing has to be done between fork and exec.
    """

    def bound() -> _T:
        take_on(rules)
        return start()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(bound).result()
