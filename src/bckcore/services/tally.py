"""Tally: what a run changed in one source, counted while its changes stream by."""

from dataclasses import dataclass, field

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.run import ChangeCounts
from bckcore.ports.catalog import SourceState
from bckcore.services.fingerprint import combined, path_hash


@dataclass(kw_only=True)
class Tally:
    """Running totals of one source. ``prior`` is its state before the run."""

    prior: SourceState
    noted: int = 0
    """Changes of any kind."""
    added: int = 0
    changed: int = 0
    gone: int = 0
    _files: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)
    _paths: int = field(default=0, init=False)
    _hashes: int = field(default=0, init=False)

    def note(self, change: Change, live: FileEntry | None) -> Change:
        """Count a change of a path whose state before it was ``live``; return the change."""
        entry, op = change.entry, change.op
        new = None if op.ends else entry
        is_file = entry.kind is not EntryKind.FOLDER
        self.noted += 1
        self.added += is_file and op is ChangeOp.ADDED
        self.changed += is_file and op in (ChangeOp.CONTENT, ChangeOp.ATTRIBUTES)
        self.gone += is_file and op is ChangeOp.GONE
        for state, sign in ((live, -1), (new, 1)):
            if state is not None:
                self._files += sign * (state.kind is not EntryKind.FOLDER)
                self._bytes += sign * state.size
        if live is None:
            self._paths += 1
            self._hashes += path_hash(entry.path)
        elif new is None:
            self._paths -= 1
            self._hashes -= path_hash(entry.path)
        return change

    def state(self, *, interrupted: bool) -> SourceState:
        """What the catalog will know of the source once the changes are in it."""
        prior = self.prior
        return SourceState(
            source=prior.source,
            fingerprint=combined(prior.fingerprint, added=self._hashes),
            paths=prior.paths + self._paths,
            files=prior.files + self._files,
            bytes=prior.bytes + self._bytes,
            interrupted=interrupted,
        )

    @property
    def counts(self) -> ChangeCounts:
        """What changed, and what the source holds then."""
        state = self.state(interrupted=False)
        return ChangeCounts(
            files=state.files, bytes=state.bytes, added=self.added, changed=self.changed, gone=self.gone
        )
