"""What the API shows of the audit log."""

from datetime import datetime

from pydantic import Field

from bck_apps.api.schemas_base import View
from bckcore.domain.audit import Entry


class AuditEntryView(View):
    """One entry of the audit log."""

    number: int
    at: datetime
    who: str = Field(description="Account, or system user of `bck`; empty where nobody was signed in.")
    origin: str = Field(description="api, console, runner or service.")
    address: str = Field(description="Where the request came from; empty for the server itself.")
    action: str
    outcome: str = Field(description="asked, done, partial, refused, failed, cancelled, offline or held-off.")
    about: dict[str, str] = Field(description="Which host, profile, job, point, and what changed.")
    previous: str = Field(description="SHA-256 of the line before.")
    digest: str = Field(description="SHA-256 of this line.")


def entry_view(entry: Entry) -> AuditEntryView:
    """An entry for the API."""
    deed = entry.deed
    return AuditEntryView(
        number=entry.number,
        at=deed.at,
        who=deed.actor.name,
        origin=deed.actor.origin.value,
        address=deed.actor.address,
        action=deed.action.value,
        outcome=deed.outcome.value,
        about=dict(deed.about),
        previous=entry.previous,
        digest=entry.head.digest,
    )
