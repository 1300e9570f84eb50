"""Bodies about people and devices: signing in, sessions, device tokens."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bck_apps.api.schemas_base import Body, View

Scope = Literal["start", "watch"]


class Login(Body):
    """A name and its password."""

    name: str = Field(max_length=64, description="Account name.")
    password: SecretStr = Field(max_length=1024, description="Password; never stored or logged in the clear.")
    code: SecretStr | None = Field(
        None, max_length=64, description="Where there is a second factor: its code, or a recovery code."
    )


class Refresh(Body):
    """What fresh tokens are to be had for."""

    refresh_token: SecretStr = Field(max_length=256, description="The newest one; it can be used once.")


class Token(View):
    """A fresh access token, and a refresh token for the next one."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: str = Field("bearer", description="Always `bearer`.")
    expires_at: datetime
    name: str = Field(description="Who is signed in.")
    role: str = Field(description="`admin`, `operator`, `owner`, `viewer` or `auditor`.")
    refresh_token: str = Field(description="For `POST /auth/refresh`, once.")
    refresh_expires_at: datetime = Field(description="The session ends then, unless it is refreshed before.")
    session_id: str


class PasswordChange(Body):
    """The old password proves who asks."""

    old_password: SecretStr = Field(max_length=1024, description="The password until now.")
    new_password: SecretStr = Field(max_length=1024, description="10 characters or more.")


class EndedView(View):
    """Sessions that have ended."""

    ended: int


class SessionView(View):
    """One signing-in of a person that goes on."""

    session_id: str
    user: str
    created: datetime
    used: datetime = Field(description="Last refreshed.")
    expires: datetime
    address: str = Field(description="Where the person signed in from.")
    client: str = Field(description="What the program called itself.")
    current: bool = Field(description="True for the session of this very request.")


class DeviceTokenBody(Body):
    """A new token for the program on one PC."""

    host: str = Field(max_length=64, description="The PC whose backups it may start and watch.")
    name: str = Field(min_length=1, max_length=64, description="Which device has it, for people.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=2)] = Field(
        default=["start", "watch"], description="What it may."
    )
    days: int = Field(365, ge=1, le=3650, description="How long it counts.")


class DeviceTokenView(View):
    """A device token, without the token."""

    token_id: str
    name: str
    host: str
    scopes: list[str]
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None


class MadeTokenView(DeviceTokenView):
    """A fresh device token."""

    token: str = Field(description="Shown this once; only its digest is kept.")


class Enrol(Body):
    """The password proves who asks."""

    password: SecretStr = Field(max_length=1024, description="The account's.")


class Code(Body):
    """One code."""

    code: SecretStr = Field(max_length=64, description="Six digits, or a recovery code.")


class EnrolmentView(View):
    """What the phone is to be given, shown this once."""

    secret: str = Field(description="Base32, to type in.")
    uri: str = Field(description="The same for a picture: `otpauth://…`.")


class RecoveryView(View):
    """For when the phone is lost, shown this once."""

    recovery_codes: list[str] = Field(description="Each can be used once.")
