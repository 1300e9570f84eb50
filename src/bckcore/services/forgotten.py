"""Forgotten: what a crash left of paths that were removed on purpose is removed at the next start."""

from collections.abc import Iterator

from bckcore.domain.act import Act, ActKind
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError
from bckcore.ports.storage import Storage


def finish_forgetting(storage: Storage, ref: ProfileRef, newest_run: int) -> int:
    """Remove what is left of forgotten paths; return how many stored files that were. Safe to repeat.

    ``newest_run``: the number of the newest run, open ones included. Only acts after it can be unfinished,
    because every run begins with a recovery; and an older one must not be done again, for the path may
    have come back since.
    """
    return sum(
        place.files
        for act in _forgettings(storage, ref, newest_run)
        for source, path in act.paths
        for place in storage.remove_path(ref, source, path)
    )


def may_be_unfinished(storage: Storage, ref: ProfileRef, newest_run: int) -> bool:
    """True if a path was forgotten after that run: a power cut may bring it back until the next sync."""
    return any(True for _ in _forgettings(storage, ref, newest_run))


def _forgettings(storage: Storage, ref: ProfileRef, newest_run: int) -> Iterator[Act]:
    return (act for act in _newest_acts(storage, ref, newest_run) if act.kind is ActKind.FORGET)


def _newest_acts(storage: Storage, ref: ProfileRef, newest_run: int) -> Iterator[Act]:
    for number in reversed(storage.record_numbers(ref).acts):
        try:
            act, _ = storage.read_act(ref, number)
        except StorageError:
            return  # a damaged act says nothing that could be finished
        if act.after_seq < newest_run:
            return
        yield act
