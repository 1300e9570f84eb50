"""Filtering: what keeps a path of one source out of a run, and on whose word."""

from dataclasses import dataclass

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.host import Host
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.profile import Profile
from bckcore.ports.transport import PathFilter, PathFilterFactory
from bckcore.services.host_rules import NOTHING, HostRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """The filters of one source in one run."""

    own: PathFilter | None = None
    """The profile's; None when it has none."""
    whole: PathFilter | None = None
    """With what files on the host say; ``own`` when they say nothing."""
    max_size: int | None = None

    def hides(self, path: RelPath, *, is_folder: bool) -> bool:
        """True if a rule hides the path or a folder above it."""
        return self.whole is not None and path != ROOT and self.whole.excludes(path, is_folder=is_folder)

    def on_hosts_word(self, entry: FileEntry) -> bool:
        """True if a path that is hidden would not be, had nobody on the host written a rule."""
        is_folder = entry.kind is EntryKind.FOLDER
        return self.own is None or not self.own.excludes(entry.path, is_folder=is_folder)

    def was_within_limit(self, entry: FileEntry) -> bool:
        """True if the stored state of a file that is too large now is not: then the host made it grow."""
        return self.max_size is None or entry.size <= self.max_size


def filter_of(profile: Profile, host: Host, filters: PathFilterFactory) -> PathFilter | None:
    """The profile's own filter; None if it has no rules. Raises InvalidInputError."""
    rules = profile.rules
    return filters(rules, ignore_case=host.platform.ignores_case) if rules else None


def all_rules(profile: Profile, said: HostRules) -> tuple[str, ...]:
    """The rules of a run. Presets come first, then what files on the host say; the profile's own rules have
    the last word."""
    return (*profile.filters.rules, *said.rules, *profile.excludes)


def sieve_of(profile: Profile, host: Host, filters: PathFilterFactory, said: HostRules = NOTHING) -> Sieve:
    """The filters of one source. Raises InvalidInputError for the profile's."""
    own = whole = filter_of(profile, host, filters)
    if said.rules:
        whole = filters(all_rules(profile, said), ignore_case=host.platform.ignores_case)
    return Sieve(own=own, whole=whole, max_size=profile.filters.max_size)
