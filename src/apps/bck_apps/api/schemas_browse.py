"""Bodies of answers about files: folders, versions, finds, differences, what is deleted."""

from datetime import datetime

from pydantic import Field

from bck_apps.api.schemas_base import View


class StateView(View):
    """What stood at a path."""

    kind: str = Field(description="file, folder, link, fifo, socket, char-device, block-device.")
    size: int = Field(description="Bytes of a file; 0 for everything else.")
    mtime: str | None = Field(description="ISO 8601 in UTC with nine decimals; null if no calendar has it.")
    mode: str = Field(description="Octal.")
    uid: int
    gid: int
    target: str = Field(description="Where a link points, for display.")
    digest: str = Field(description="xxh128 of a file, hex; empty while unknown.")


class EntryView(StateView):
    """One path of a folder."""

    path: str = Field(description="`source/folder/name` for display, escaped.")
    path_bytes: str = Field(description="The same exactly, percent-encoded; takes part in further requests.")
    source: str
    since_seq: int = Field(description="Number of the run with which this version began.")


class VersionView(EntryView):
    """One version of a path."""

    until_seq: int | None = Field(description="Number of the run that ended it; null while it is live.")
    excluded: bool = Field(
        description="The run that ended it left it out, by a filter or a dropped source: the PC may have it."
    )
    standing: str = Field(
        description="`live`, `older` (there is a newer one), `gone`, or `excluded`: left out, not known gone."
    )
    first_point: str | None = Field(description="First kept point that has it; null if only `current` does.")
    last_point: str | None = Field(description="Last kept point that has it.")


class FoundView(VersionView):
    """The newest version of a path that was sought."""

    versions: int = Field(description="How many versions can still be brought back.")


class DeletedView(VersionView):
    """The newest version of a path that the PC has no more."""

    gone_run: str = Field(description="The run that missed it, or left it out.")
    gone_at: datetime | None = Field(description="When that run ended.")
    left_out_now: bool = Field(description="The profile of today leaves it out: no backup would see it.")


class FolderEntryView(EntryView):
    """One path of a folder at a point."""

    stale: bool = Field(description="The point's run could not read it: this is how an earlier run saw it.")


class FolderView(View):
    """A folder at a point."""

    point: str
    seq: int
    items: list[FolderEntryView]
    unnamed_problems: int = Field(
        description="Problems of the point's run that are not known by path: more may be stale."
    )
    next: str | None = Field(description="Cursor of the next part; null when there is none.")


class DifferenceView(View):
    """One path that differs."""

    change: str = Field(description="added, changed, attributes, type, gone, excluded.")
    path: str
    path_bytes: str
    source: str
    old: StateView | None
    new: StateView | None


class ComparisonView(View):
    """What differs."""

    old_point: str | None = Field(description="Null if it is not kept any more, or if there was none.")
    new_point: str | None
    run_id: str | None = Field(description="The run in question, else null.")
    counts: dict[str, int] | None = Field(description="By kind, of the whole; null in further parts.")
    items: list[DifferenceView]
    next: str | None = Field(description="Cursor of the next part; null when there is none.")
