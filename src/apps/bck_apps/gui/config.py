"""config.json: what the client knows before it asks the server. It never holds a password or a token."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bck_apps.gui.folders import FolderError, normal_folder, require_disjoint
from bck_apps.gui.problems import ConfigError

SCHEMA_ID = "urn:bck:client-config"
_SECRET_NAMES = ("password", "passwd", "passphrase", "token", "secret", "private_key")
_LARGEST = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileConfig(_Part):
    """What this computer wants of one profile on the server."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Name on the server.")
    folders: tuple[str, ...] = Field(
        default=(),
        description="Full paths of the folders to back up, as this computer names them. When they differ "
        "from the server's list, the client offers to save them there. Empty: take the server's list.",
    )
    compression: bool | None = Field(
        default=None, description="Compress on the way; null leaves the server's choice."
    )

    @field_validator("folders")
    @classmethod
    def _usable(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        try:
            normal = tuple(normal_folder(folder) for folder in folders)
            require_disjoint(normal)
        except FolderError as exc:
            raise ValueError(f"{exc.code}: {exc.path}") from exc
        return normal


class SchedulerConfig(_Part):
    """Backups that start by themselves while the client runs and is signed in."""

    enabled: bool = Field(default=False, description="Start a backup by itself when one is due.")
    every_hours: int = Field(
        default=24, ge=1, le=720, description="A backup is due when the last good one is older than this."
    )


class ClientConfig(_Part):
    """The whole file. The address and one of ``ca_file`` and ``ca_sha256`` are needed to sign in; what is
    missing is asked for."""

    endpoint: str = Field(
        default="", description="Address of the server: https://name:port, nothing after it."
    )
    ca_file: str = Field(
        default="",
        description="The server's CA certificate (PEM). A relative path counts from the folder of this file.",
    )
    ca_sha256: str = Field(
        default="",
        description="SHA-256 of that certificate: 64 hexadecimal digits, colons allowed. Both may be given.",
    )
    user: str = Field(default="", max_length=64, description="Account name, filled in at sign-in.")
    language: Literal["auto", "en", "it"] = Field(
        default="auto", description="Language of the client; auto is the system's."
    )
    profiles: tuple[ProfileConfig, ...] = Field(
        default=(), description="Profiles of this computer. Empty: show all that the account may see."
    )
    scheduler: SchedulerConfig = Field(
        default_factory=SchedulerConfig, description="Backups that start by themselves."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, data: object) -> object:
        if isinstance(data, dict):
            for name in data:
                if any(word in str(name).lower() for word in _SECRET_NAMES):
                    raise ValueError(
                        f"{name}: secrets are never kept in this file; remove it and change the secret"
                    )
            return {name: value for name, value in data.items() if name != "$schema"}
        return data

    @field_validator("endpoint")
    @classmethod
    def _https(cls, value: str) -> str:
        return normal_endpoint(value) if value.strip() else ""

    @field_validator("ca_sha256")
    @classmethod
    def _digest(cls, value: str) -> str:
        return normal_fingerprint(value) if value.strip() else ""

    @model_validator(mode="after")
    def _names_differ(self) -> ClientConfig:
        names = [profile.name for profile in self.profiles]
        if len(names) != len(set(names)):
            raise ValueError("two profiles have the same name")
        return self

    def profile(self, name: str) -> ProfileConfig | None:
        """What is said about a profile, if anything."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def with_profile(self, changed: ProfileConfig) -> ClientConfig:
        """The same with one profile replaced; one that is not listed is not added."""
        profiles = tuple(changed if old.name == changed.name else old for old in self.profiles)
        return self.model_copy(update={"profiles": profiles})


def normal_endpoint(value: str) -> str:
    """``https://host[:port]`` in normal form. Raises ValueError for anything else."""
    text = value.strip()
    if "://" not in text:
        text = f"https://{text}"
    parts = urlsplit(text)
    port = parts.port  # raises ValueError for a port that is none
    if parts.scheme != "https":
        raise ValueError("the address must begin with https://")
    if (
        not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or parts.username
        or " " in text
    ):
        raise ValueError("the address is https://name:port and nothing else")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" + (f":{port}" if port else "")


def normal_fingerprint(value: str) -> str:
    """64 lower-case hexadecimal digits. Raises ValueError for anything else."""
    text = value.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return text


def json_schema() -> str:
    """The JSON Schema of config.json, as kept in the documentation."""
    model = ClientConfig.model_json_schema()
    # Editors find the schema by this key; it is no setting and is left out when the file is read.
    model["properties"]["$schema"] = {"type": "string", "description": "Address of this schema, for editors."}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return json.dumps(head | model, indent=2, sort_keys=True) + "\n"


def load(path: Path) -> ClientConfig:
    """Read the file; a missing one is an empty configuration. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return ClientConfig()
    except OSError as exc:
        _refuse("config-unreadable", path, exc.strerror or type(exc).__name__, exc)
    return parsed_config(raw, path)


def parsed_config(raw: bytes, path: Path) -> ClientConfig:
    """The configuration that ``path`` holds. Raises ConfigError for anything else, whatever it is."""
    if len(raw) > _LARGEST:
        _refuse("config-not-json", path, f"> {_LARGEST} bytes", None)
    try:
        return ClientConfig.model_validate_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        code = "config-not-json" if errors[0]["type"] == "json_invalid" else "config-invalid"
        _refuse(code, path, "\n".join(_sentence(dict(error)) for error in errors[:5]), exc)


def _sentence(error: dict[str, object]) -> str:
    place = error["loc"]
    where = ".".join(map(str, place)) if isinstance(place, tuple) else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _refuse(code: str, path: Path, detail: str, cause: Exception | None) -> NoReturn:
    raise ConfigError(code, params={"file": str(path)}, detail=detail) from cause


def save(path: Path, config: ClientConfig) -> None:
    """Replace the file in one step, readable for its owner only. Raises ConfigError; the old one stays."""
    text = json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=".config-", dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as exc:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
        _refuse("config-not-saved", path, exc.strerror or type(exc).__name__, exc)
