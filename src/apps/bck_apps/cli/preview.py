"""bck backup --dry-run: what a backup would do now, as a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bck_apps.cli.follow import end_with, see_through
from bck_apps.cli.host_password import tell_if_dropped
from bck_apps.cli.screen import fields, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import size_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job, JobStatus
from bckcore.domain.secret import Secret
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS = {"new": "+", "changed": "M", "attributes": "A"}
_Row = tuple[str, str, str]


def look_ahead(
    profile: ProfileId, *, key: str, accept_missing: bool, password: Secret[str] | None, as_json: bool
) -> None:
    """Ask for a preview, see it through, print it, and leave with the exit status of that."""
    if accept_missing:
        raise InvalidInputError(
            "--dry-run and --accept-missing do not go together.",
            meaning="A dry run deletes nothing and accepts nothing.",
            advice="Leave out --accept-missing; the answer tells whether a run would be suspect.",
        )
    with opened() as application:
        asked = application.jobs.start_preview(profile, requested_by=who(), key=key, password=password)
        tell_if_dropped(asked)
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_view)


def _view(job: Job) -> "RenderableType":
    from rich.console import Group

    if job.status not in (JobStatus.SUCCEEDED, JobStatus.PARTIAL):
        return fields((("job", job.id), ("outcome", job.status.value)))
    data = job.result.data
    would = "change nothing"
    if _dropped(data):
        would = "only leave out what is named below"
    elif _stored_and_excluded(data):
        would = "only leave out what the rules say"
    paths = table(("", "BYTES", "PATH"), list(_rows(data)), empty=f"A backup would {would}.")
    return Group(paths, fields(_totals(job)), *_rules(data))


def _rows(data: Mapping[str, object]) -> Iterator[_Row]:
    for one in _first(data, "paths"):
        kind = str(one.get("change"))
        yield _MARKS.get(kind, "?"), "" if kind == "attributes" else str(one.get("bytes")), str(one["path"])
    for one in _first(data, "gone"):
        yield "-", "", str(one["path"])
    for one in _first(data, "too_large"):
        yield "L", "", str(one["path"])
    for one in _first(data, "problems"):
        yield "!", "", f"{one['path']}: {one.get('detail')}"


def _totals(job: Job) -> list[tuple[str, object]]:
    data = job.result.data
    excluded = _part(data, "excluded")
    shown = any(_count(data, name) > len(_first(data, name)) for name in ("paths", "gone", "too_large"))
    stored = _stored_and_excluded(data)
    return [
        ("job", job.id),
        ("new (+)", f"{data.get('new')}{_returning(data)}"),
        ("changed (M)", data.get("changed")),
        ("attributes (A)", data.get("attributes")),
        ("to send", f"{size_text(_number(data.get('bytes')))} at most"),
        ("not there (-)", _count(data, "gone")),
        ("too large (L)", _count(data, "too_large") or ""),
        ("excluded", f"{excluded.get('count')} files and whole folders, by the rules below"),
        ("of what is stored", f"{counted(stored, 'path')} left out from now on" if stored else ""),
        ("no source any more", "\n".join(_dropped(data))),
        ("problems (!)", _count(data, "problems") or ""),
        ("suspect", "\n".join(map(str, _list(data.get("suspect"))))),
        ("shown", f"the first ones of each; all counts: bck status {job.id} --json" if shown else ""),
        ("changed now", "nothing, on the PC or here"),
    ]


def _returning(data: Mapping[str, object]) -> str:
    back = _number(data.get("returning"))
    return f", {back} of them stored already: nothing of those is sent" if back else ""


def _rules(data: Mapping[str, object]) -> "list[RenderableType]":
    excluded = _part(data, "excluded")
    rules = [one for one in _list(excluded.get("rules")) if isinstance(one, dict)]
    if not rules:
        return []
    examples: dict[tuple[str, str], str] = {}
    for one in _first(data, "excluded"):
        examples.setdefault(_rule_of(one), str(one["path"]))
    rows = []
    for one in rules:
        rule, file = _rule_of(one)
        rows.append((str(one["count"]), rule, file or "the profile", examples.get((rule, file), "")))
    return [table(("EXCLUDES", "RULE", "OF", "FOR EXAMPLE"), rows, empty="")]


def _rule_of(one: Mapping[str, object]) -> tuple[str, str]:
    """A rule, and the file on the PC that it comes from, if it does."""
    return str(one.get("rule")), str(one.get("file") or "")


def _part(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _first(data: Mapping[str, object], name: str) -> Sequence[dict[str, object]]:
    return [one for one in _list(_part(data, name).get("first")) if isinstance(one, dict)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _count(data: Mapping[str, object], name: str) -> int:
    return _number(_part(data, name).get("count"))


def _stored_and_excluded(data: Mapping[str, object]) -> int:
    """How many paths of what is stored the rules leave out from now on."""
    return _number(_part(data, "excluded").get("stored"))


def _dropped(data: Mapping[str, object]) -> list[str]:
    """What the profile no longer has, source by source."""
    found = [one for one in _list(data.get("dropped")) if isinstance(one, dict)]
    return [f"{one['source']}: {counted(one['paths'], 'path')} left out from now on" for one in found]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
