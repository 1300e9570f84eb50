"""Bodies about enrolling a PC: opening, and redeeming the token."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bck_apps.api.schemas_base import Body, View
from bckcore.domain.enrolment import LONGEST_ADDRESS, LONGEST_FACT, LONGEST_MINUTES, USUAL_MINUTES
from bckcore.domain.enrolment_text import LONGEST_TEXT
from bckcore.domain.host import Platform
from bckcore.domain.host_key import LONGEST_LINE, MOST_KEYS
from bckcore.domain.ssh_trust import LONGEST_GATE

Line = Annotated[str, Field(max_length=4096)]


class NewEnrolmentBody(Body):
    """A host that is to be made, or the same host with what is to be different."""

    minutes: int = Field(USUAL_MINUTES, ge=1, le=LONGEST_MINUTES, description="How long the token counts.")
    address: str | None = Field(
        None, max_length=LONGEST_ADDRESS, description="Name or IP address; else where the PC comes from."
    )
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of the SSH server.")
    user: str | None = Field(None, max_length=64, description="Account on the host.")
    login: Literal["own-key", "certificate", "password"] | None = Field(
        None, description="How the server is let in; of a new host `own-key`."
    )
    allow: list[Line] | None = Field(None, max_length=1000, description="The whole list of folders.")
    replace_host_key: bool = Field(False, description="Take another host key than the pinned one.")
    take_over_history: bool = Field(
        False, description="Though backups or jobs of a removed host of that name are kept."
    )


class NewEnrolmentView(View):
    """An open enrolment."""

    host: str
    enrolment: str = Field(description="Its name in the audit log.")
    expires: datetime
    replace_host_key: bool
    token: str = Field(description="Shown this once; only its digest is kept.")


class RevokedView(View):
    """Tokens that count no more."""

    revoked: int


class Redeem(Body):
    """What a PC tells of itself; the token says which PC it is."""

    token: SecretStr = Field(max_length=LONGEST_TEXT, description="As `bck host enrol` showed it.")
    host_keys: list[Annotated[str, Field(max_length=LONGEST_LINE)]] = Field(
        min_length=1, max_length=MOST_KEYS, description="Lines of `/etc/ssh/ssh_host_*_key.pub`."
    )
    platform: Platform | None = Field(None, description="`posix`, `windows` or `macos`.")
    address: str = Field(
        "", max_length=LONGEST_ADDRESS, description="Where the server reaches it; else where it comes from."
    )
    user: str = Field("", max_length=LONGEST_FACT, description="The account that it has for the server.")
    gate: str = Field("", max_length=LONGEST_GATE, description="How its sshd starts the gate.")
    gate_version: str = Field("", max_length=LONGEST_FACT, description="For people.")
    rsync_version: str = Field("", max_length=LONGEST_FACT, description="For people.")


class EnrolledView(View):
    """What the PC must hold so that the server is let in. Nothing of it is secret."""

    host: str = Field(description="What the server calls the PC.")
    server: str = Field(description="What the server calls itself.")
    user: str = Field(description="The account that it logs in to.")
    certified: bool = Field(
        description="True: `keys` are of an authority that certifies what the server shows."
    )
    keys: list[str] = Field(description="Public keys, each `type base64`.")
    addresses: list[str] = Field(description="Where the server comes from; empty for anywhere.")
    authorized_keys: list[str] = Field(description="The same as whole lines.")
    allow: list[str] = Field(description="Folders that the server may ask for.")
