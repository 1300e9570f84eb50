"""Bodies of requests and answers about checks."""

from datetime import datetime

from pydantic import Field

from bck_apps.api.schemas_base import Body, HostPassword, View


class StartCheck(Body):
    """Ask for a check."""

    profile: str = Field(description="Name of the profile.")
    sample: float | None = Field(None, gt=0, le=100, description="Percent of the files whose bytes are read.")
    read_data: bool = Field(False, description="Read every file; compare every point with the manifests.")
    against_host: bool = Field(False, description="Read a sample again from the PC and compare.")
    password: HostPassword = None


class CheckView(View):
    """What the newest check of a profile found."""

    job_id: str
    status: str = Field(
        description="`succeeded`: nothing found; `suspect`: something; `partial`: PC not asked."
    )
    started: datetime | None
    finished: datetime | None
    seed: int = Field(description="Of the random choice.")
    sample: float | None
    read_data: bool
    against_host: bool
    files: int = Field(description="Versions compared with the storage.")
    bytes: int
    files_read: int
    bytes_read: int
    files_proven: int = Field(description="Read, and equal to the digest known before.")
    digests_learned: int
    leftovers: int = Field(description="Left of interrupted runs; harmless.")
    points_replayed: int
    records: int = Field(description="Receipts, manifests and acts.")
    host_files: int
    host_proven: int
    host_changed: int
    host_error: str
    total: int = Field(description="All findings.")
    causes: dict[str, int] = Field(description="How many of each cause.")


class FindingView(View):
    """One thing that is not as it must be."""

    cause: str
    profile: str
    source: str | None
    path: str = Field(description="Below the source, for display; else the name of a record or point.")
    path_bytes: str = Field(description="The same, percent-encoded, exactly.")
    full_path: str = Field(
        "",
        description="With the source in front, as a restore takes it; empty in checks of earlier releases.",
    )
    full_path_bytes: str = Field("", description="The same, percent-encoded, exactly.")
    place: str = Field(description="`current`, the run of an increment, `receipts`, `database` or `work`.")
    points: int = Field(description="How many kept points need it.")
    newest_point: int | None
    detail: str
    advice: str
