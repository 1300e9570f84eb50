"""Settings: one class per section, from ``<home>/settings.toml`` and ``BCK_SECTION__NAME`` variables."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bckcore.domain.nightly import Nightly
from bckcore.domain.ssh_trust import checked_addresses
from bckcore.errors import InvalidInputError, NotFoundError

FILE_NAME = "settings.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageSettings(_Section):
    """Where restore points are kept."""

    root: Path = Field(Path("/srv/backup"), description="Root folder of the backup storage, one file system.")
    adapter: str = Field("fs", description="Registered name of the storage adapter.")


class DatabaseSettings(_Section):
    """Where hosts, profiles, jobs and the catalog are kept."""

    url: str = Field(
        "",
        description="sqlite:////FILE or postgresql://USER@HOST/NAME; empty: bck.sqlite3 in the home folder.",
    )
    password_file: Path | None = Field(
        None, description="File whose first line is the password of the database user."
    )
    password_ref: str = Field("", description="Name of that password in the vault; `bck` sets it.")
    generation: int = Field(
        0, ge=0, description="How often `bck db migrate-to` moved the installation; `bck` counts it."
    )


class QueueSettings(_Section):
    """Who hands jobs to runners, and which storage node this installation is."""

    engine: str = Field("embedded", description="embedded (the database itself), or dbos on PostgreSQL.")
    node: Annotated[
        str,
        Field(
            pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
            description="Name of this storage node among those that share the database.",
        ),
    ] = "main"


class ApiSettings(_Section):
    """The HTTPS server."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for the whole LAN.")
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port; 0 takes a free one.")] = 8443
    names: tuple[str, ...] = Field((), description="Further DNS names and addresses for the certificate.")


class RunnerSettings(_Section):
    """The part that carries out jobs."""

    jobs: Annotated[int, Field(ge=1, le=64, description="Jobs at once, at most one per host.")] = 2
    lease_seconds: Annotated[float, Field(ge=5, description="A runner silent so long loses its job.")] = 60
    poll_seconds: Annotated[float, Field(gt=0, le=60, description="How often the queue is asked.")] = 1
    transfer_memory: Annotated[
        int,
        Field(ge=256 << 20, le=1 << 50, description="Bytes of memory that each rsync and ssh may have."),
    ] = 2 << 30


class JobSettings(_Section):
    """How long finished jobs are remembered, with their logs."""

    keep_days: Annotated[int, Field(ge=1, le=36500, description="Finished jobs older than that go.")] = 90
    keep_per_profile: Annotated[int, Field(ge=10, description="Finished jobs of a profile, the newest.")] = (
        1000
    )


class CheckSettings(_Section):
    """The nightly check that ``bck serve`` asks for."""

    enabled: bool = Field(True, description="Whether every profile is checked once a night.")
    at: str = Field("03:30", description="Time of day, in the zone below.")
    time_zone: str = Field("UTC", description="Whose clock on the wall counts, as Europe/Rome.")
    sample: Annotated[float, Field(gt=0, le=100, description="Percent of the files read each night.")] = 5.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            Nightly.of(self.at, self.time_zone)
        except InvalidInputError as exc:
            raise ValueError(f"{exc.what} {exc.advice}") from exc
        return self


class SchedulerSettings(_Section):
    """The part that asks for backups when profiles are due."""

    enabled: bool = Field(True, description="Whether profiles with a schedule are backed up by it.")
    look_seconds: Annotated[
        float, Field(gt=0, le=600, description="How often it looks what is due, in seconds.")
    ] = 5


class LoggingSettings(_Section):
    """JSON lines on standard error, or in a file."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level shown.")
    file: str = Field("", description="Full path of a log file; empty for standard error.")
    file_bytes: Annotated[
        int, Field(ge=65536, description="A log file that large gives way to a new one.")
    ] = 10_485_760
    file_count: Annotated[int, Field(ge=1, le=1000, description="Earlier log files that are kept.")] = 10

    @model_validator(mode="after")
    def _full_path(self) -> Self:
        if self.file and not Path(self.file).is_absolute():
            raise ValueError("A log file is named by its full path.")
        return self


class SshSettings(_Section):
    """The way to the PCs."""

    source_addresses: tuple[str, ...] = Field(
        (),
        description="Addresses and networks of this server as PCs see it; keys and certificates then count "
        "from there only. Empty: from anywhere.",
    )

    @model_validator(mode="after")
    def _are_addresses(self) -> Self:
        try:
            checked_addresses(self.source_addresses)
        except InvalidInputError as exc:
            raise ValueError(f"{exc.what} {exc.advice}") from exc
        return self


class SecuritySettings(_Section):
    """Signing in."""

    token_minutes: Annotated[int, Field(ge=1, le=1440, description="Life of an access token.")] = 60
    session_days: Annotated[
        int, Field(ge=1, le=365, description="A session that is not used for so many days is over.")
    ] = 30
    vault: str = Field("file", description="Registered name of the vault adapter.")


Told = Literal[
    "storage-full", "stale", "suspect", "failed", "partial", "unreachable", "recovered", "succeeded"
]
_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$"
"""A plain mail address: no name, no blank, nothing that could begin another header."""


class NotifySettings(_Section):
    """Who is told what by messages. How they travel: the sections mail and webhook."""

    tell: tuple[Told, ...] = Field(
        ("storage-full", "stale", "suspect", "failed", "partial", "recovered"),
        description="What is told; there are also unreachable and succeeded.",
    )
    language: Literal["en", "it"] = Field("en", description="Language of messages: en or it.")
    server_name: str = Field("", description="What messages call this server; empty for its host name.")
    gather_seconds: Annotated[
        float, Field(ge=0, le=3600, description="So long a message waits for more to tell with it.")
    ] = 60
    quiet_minutes: Annotated[
        float, Field(ge=0, le=10080, description="What was told is not told again within it, but counted.")
    ] = 60
    give_up_hours: Annotated[
        float, Field(ge=1, le=720, description="What cannot be delivered so long is given up.")
    ] = 24
    remind_days: Annotated[
        int, Field(ge=0, le=366, description="A stale profile is told again after so long; 0 for never.")
    ] = 7


class MailSettings(_Section):
    """Messages by mail; none without a server."""

    server: str = Field("", description="Name of the mail server; empty for no mail.")
    port: Annotated[int, Field(ge=1, le=65535, description="587 for starttls, 465 for tls.")] = 587
    encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls, or none, for a server on this machine only."
    )
    user: str = Field("", description="Login name; empty for no login.")
    password_ref: str = Field(
        "notify/mail-password", description="Name of its password in the vault: `bck notify secret`."
    )
    sender: str = Field("", description="Address that messages come from.")
    to: tuple[Annotated[str, Field(pattern=_ADDRESS)], ...] = Field(
        (), description="Addresses that they go to."
    )
    ca_file: str = Field("", description="Full path of a CA certificate; empty for the system's.")
    timeout_seconds: Annotated[
        float, Field(gt=0, le=600, description="So long a delivery takes at most.")
    ] = 20

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.server and not (re.match(_ADDRESS, self.sender) and self.to):
            raise ValueError("Mail needs a plain address in sender and one or more in to.")
        if self.encryption == "none" and self.server not in ("", "localhost", "127.0.0.1", "::1"):
            raise ValueError("Without encryption, mail goes only to a server on this machine (localhost).")
        return self


class WebhookSettings(_Section):
    """Messages by POST to a web address, which is a secret and in the vault."""

    enabled: bool = Field(False, description="Whether messages are posted.")
    url_ref: str = Field(
        "notify/webhook-url", description="Name of the address in the vault: `bck notify secret`."
    )
    signed: bool = Field(False, description="Whether a header proves who sent it, by HMAC-SHA256.")
    key_ref: str = Field(
        "notify/webhook-key", description="Name of the key for it in the vault: `bck notify secret`."
    )
    ca_file: str = Field("", description="Full path of a CA certificate; empty for the system's.")
    timeout_seconds: Annotated[
        float, Field(gt=0, le=600, description="So long a delivery takes at most.")
    ] = 20


class PluginSettings(_Section):
    """Which plugins are left out."""

    blocked: tuple[str, ...] = Field((), description="Entry-point names that are not loaded.")


class Settings(BaseSettings):
    """All settings. The environment wins over the file."""

    model_config = SettingsConfigDict(
        env_prefix="BCK_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    storage: StorageSettings = Field(default_factory=StorageSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    runner: RunnerSettings = Field(default_factory=RunnerSettings)
    jobs: JobSettings = Field(default_factory=JobSettings)
    check: CheckSettings = Field(default_factory=CheckSettings)
    scheduler: SchedulerSettings = Field(default_factory=SchedulerSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    ssh: SshSettings = Field(default_factory=SshSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    plugins: PluginSettings = Field(default_factory=PluginSettings)

    @classmethod
    def settings_customise_sources(  # the arguments are pydantic's
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then what :func:`load` read from the file."""
        return env_settings, init_settings


def home_folder() -> Path:
    """The installation's folder: ``$BCK_HOME``, else ``~/.local/share/bck``; raises InvalidInputError."""
    text = os.environ.get("BCK_HOME", "")
    home = Path(text) if text else Path.home() / ".local" / "share" / "bck"
    if not home.is_absolute():
        raise InvalidInputError(f"BCK_HOME is {text!r}.", advice="Give a full path.")
    return home


def database_variable() -> str:
    """The environment variable that says where the database is, in place of the file; empty for none."""
    names = (name for name in os.environ if f"{name}__".upper().startswith("BCK_DATABASE__"))
    return next(names, "")


def load(home: Path) -> Settings:
    """Read the installation's settings. Raises NotFoundError before ``bck init``, InvalidInputError."""
    path = home / FILE_NAME
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFoundError(
            f"There is no installation in {home}.",
            advice="Set BCK_HOME to the right folder, or make one with 'bck init'.",
        ) from None
    except OSError as exc:
        raise InvalidInputError(f"{path} cannot be read: {exc.strerror}.", advice="Mend its rights.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise _not_valid(f"{path} is no TOML in UTF-8: {exc}.") from exc
    try:
        settings = Settings(**written)
    except ValidationError as exc:
        raise _not_valid(
            "; ".join(_reason(error, path) for error in exc.errors(include_input=False))
        ) from exc
    _require_its_database(settings, written, path)
    return settings


def _require_its_database(settings: Settings, written: Mapping[str, Any], path: Path) -> None:
    """Once an installation has moved, its file alone says where to.

    The environment of a process that runs on, or of a service, still names the database before.
    """
    try:
        own = DatabaseSettings(**written.get("database", {}))
    except (ValidationError, TypeError):  # the environment gives what the file has wrong
        own = DatabaseSettings()
    if settings.database == own or not (own.generation or settings.database.generation):
        return
    raise InvalidInputError(
        "The environment names another database than the settings file (variables BCK_DATABASE…).",
        meaning=f"'bck db migrate-to' moved the installation, and wrote into {path} where it is now. "
        "Nothing was opened, so that nothing is written into a database that was left.",
        advice="Take these variables away, in the service's unit too, and start again.",
    )


def _not_valid(what: str) -> InvalidInputError:
    return InvalidInputError(
        what, meaning="Nothing was started.", advice="Mend it; 'bck config show' explains."
    )


def _reason(error: ErrorDetails, path: Path) -> str:
    """One wrong setting: where it was given, its name, and what is wrong with it."""
    names = [str(part) for part in error["loc"]]
    variable = "BCK_" + "__".join(names[:2]).upper()
    place = f"the variable {variable}" if variable in os.environ else f"{path}, {'.'.join(names)}"
    return f"In {place}: {error['msg']}."


def as_toml(root: Path, names: tuple[str, ...], database: str = "") -> str:
    """The file that ``bck init`` writes: what was chosen, and where to read about the rest."""
    listed = ", ".join(quoted(name) for name in names)
    return (
        "# Settings of this Backup Orchestrator. 'bck config show' lists every setting with its meaning.\n"
        f"\n[storage]\nroot = {quoted(str(root))}\n\n[api]\nnames = [{listed}]\n{database}"
    )


def quoted(text: str) -> str:
    """A text as TOML."""
    escaped = "".join(
        f"\\u{ord(char):04x}"
        if ord(char) < 32 or ord(char) == 127
        else {"\\": "\\\\", '"': '\\"'}.get(char, char)
        for char in text
    )
    return f'"{escaped}"'
