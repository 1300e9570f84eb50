"""Where the database is, in settings and vault; and how it moves to another place."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bck_adapters.sql.copying import CopiedTable, Told, copy_database, copy_would
from bck_adapters.sql.engine import make_engine, parsed_url, shown
from bck_apps.wiring.settings import quoted
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import ConflictError, InvalidInputError, StorageError

PASSWORD_REF = SecretRef("database/password")
MOST_PASSWORD = 4096
_HEADER = re.compile(r"^\s*\[")
_OURS = re.compile(r"^\s*\[\s*database\s*\]\s*(#.*)?$")
_NAME = re.compile(r"^\s*(url|password_file|password_ref|generation)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePlace:
    """Where a database is: an address that may be shown and written down, and a password apart from it."""

    url: str
    password: Secret[str] | None = None


def database_place(url: str, password_file: Path | None = None) -> DatabasePlace:
    """An address as a person gave it, the password taken out. Raises InvalidInputError."""
    parsed = parsed_url(url)
    inside = Secret(parsed.password) if parsed.password else None
    if any("password" in name.lower() for name in parsed.query):
        raise InvalidInputError(
            "The address of the database holds a password after the question mark.",
            advice="Write it before the @, or give --database-password-file.",
        )
    return DatabasePlace(url=shown(parsed), password=inside or password_in_file(password_file))


def password_in_file(path: Path | None) -> Secret[str] | None:
    """The first line of a file that only its owner may read; None for no file. Raises InvalidInputError."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            open_to_others = os.fstat(file.fileno()).st_mode & 0o077
            line = file.readline(MOST_PASSWORD)
        text = line.decode("utf-8").rstrip("\r\n")
    except OSError as exc:
        raise InvalidInputError(
            f"The password file {path} cannot be read: {exc.strerror}.", advice="Mend its rights."
        ) from exc
    except UnicodeDecodeError:
        raise InvalidInputError(f"The password file {path} is not UTF-8 text.") from None
    if open_to_others:
        raise InvalidInputError(
            f"Others can read the password file {path}.", advice=f"Make it yours alone: chmod 600 {path}."
        )
    return Secret(text)


# --- moving ---------------------------------------------------------------------------------------------


def move_database(
    source: DatabasePlace,
    target: DatabasePlace,
    *,
    told: Told,
    switched: Callable[[], None] | None,
    now: Callable[[], datetime],
) -> Sequence[CopiedTable]:
    """Copy everything into the empty target and compare; see :func:`bck_adapters.sql.copying.copy_database`.

    With None for ``switched`` it is only looked at whether that would work. Raises ConflictError if both are
    the same place.
    """
    if source.url == target.url:
        raise ConflictError(f"The database is at {target.url} already.", advice="Nothing is to be done.")
    old, new = make_engine(source.url, source.password), make_engine(target.url, target.password)
    try:
        if switched is None:
            return copy_would(old, new)
        return copy_database(old, new, told=told, switched=switched, now=now)
    finally:
        new.dispose()
        old.dispose()


def put_aside(place: DatabasePlace) -> Path | None:
    """Rename the file of a database that is in use no more; its new name. None where there is no file.

    Raises StorageError; then it stays where it is, or a part of it.
    """
    url = parsed_url(place.url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    file = Path(url.database)
    try:
        aside = _free_name(file)
        for end in ("", "-wal", "-shm"):
            if (part := Path(f"{file}{end}")).exists():
                part.rename(f"{aside}{end}")
    except OSError as exc:
        raise _not_aside(file, exc.strerror or "") from exc
    return aside


def _free_name(file: Path) -> Path:
    for number in range(1, 1000):
        aside = file.with_name(f"{file.name}.moved-{number}")
        if not aside.exists():
            return aside
    raise _not_aside(file, "too many older ones lie beside it")


def _not_aside(file: Path, reason: str) -> StorageError:
    return StorageError(
        f"{file} cannot be renamed: {reason}.",
        meaning="The installation has moved; nothing is lost.",
        advice="It is in use no more: rename it yourself, or leave it.",
    )


def password_ref(generation: int) -> str:
    """Where the vault keeps the password for the database of that generation, each beside the others."""
    return f"{PASSWORD_REF}-{generation}"


def switch(path: Path, url: str, *, password_ref: str, generation: int = 0, dry_run: bool = False) -> None:
    """Write the place into a settings file, which afterwards is the new one or still the old one, whole.

    A dry run only looks whether that would work. Raises InvalidInputError, StorageError.
    """
    values: dict[str, str | int] = {"url": url}
    values |= {"password_ref": password_ref} if password_ref else {}
    values |= {"generation": generation} if generation else {}
    try:
        made = with_database(path.read_text("utf-8"), values)
        if not dry_run:
            _replace(path, made)
    except OSError as exc:
        raise StorageError(
            f"{path} cannot be changed: {exc.strerror}.",
            meaning="It is whole; the database that it names is the one in use.",
            advice="Mend the disk, or the rights of the file and its folder; then say it again.",
        ) from exc


class Generation:
    """Whether the installation still is where it was when it was opened. Thread-safe.

    A move counts ``database.generation`` up in the same stroke in which it names the new place.
    """

    def __init__(self, settings: Path, opened: int) -> None:
        self._settings = settings
        self._opened = opened
        self._seen: tuple[int, int] | None = None
        self._moved = False

    def is_current(self) -> bool:
        """False once it has moved; what cannot be read counts as unchanged."""
        try:
            status = self._settings.stat()
            stamp = (status.st_ino, status.st_mtime_ns)
            if stamp != self._seen and not self._moved:
                written = tomllib.loads(self._settings.read_text("utf-8")).get("database", {})
                self._moved = int(written.get("generation", 0)) != self._opened
                self._seen = stamp
        except (OSError, ValueError, TypeError, AttributeError):
            return not self._moved
        return not self._moved


def with_database(text: str, values: Mapping[str, str | int]) -> str:
    """The settings with another section ``database``, all else as it is. Raises InvalidInputError."""
    lines = text.splitlines()
    kept, inside, place = [], False, -1
    for line in lines:
        if _HEADER.match(line):
            inside = bool(_OURS.match(line))
        if inside and _NAME.match(line):
            continue
        kept.append(line)
        if inside and _OURS.match(line):
            place = len(kept)
    new = database_lines(values)
    changed = kept[:place] + new[1:] + kept[place:] if place >= 0 else [*kept, "", *new]
    made = "\n".join(changed) + "\n"
    if not _holds(made, text, values):
        raise InvalidInputError(
            "The section [database] of the settings is written in a way that this program cannot change.",
            meaning="Nothing was changed; the database is where it was.",
            advice="Write each name that it holds on a line of its own below a line [database]; "
            "then say it again.",
        )
    return made


def database_lines(values: Mapping[str, str | int]) -> list[str]:
    """The section as lines of TOML."""
    words = {name: quoted(value) if isinstance(value, str) else value for name, value in values.items()}
    return ["[database]", *(f"{name} = {word}" for name, word in words.items())]


def _holds(made: str, old: str, values: Mapping[str, str | int]) -> bool:
    try:
        now = tomllib.loads(made)
    except tomllib.TOMLDecodeError:
        return False
    others = {name: part for name, part in tomllib.loads(old).items() if name != "database"}
    return now == others | {"database": dict(values)}


def _replace(path: Path, text: str) -> None:
    temp = path.with_name(f".{path.name}.new")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
