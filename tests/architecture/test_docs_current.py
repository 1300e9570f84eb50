"""The documentation names everything there is, nothing that is not, and its links lead somewhere."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from bck_apps.api import (
    schemas,
    schemas_audit,
    schemas_browse,
    schemas_enrolment,
    schemas_history,
    schemas_people,
    schemas_profiles,
    schemas_schedule,
)
from bck_apps.api.deps import Requires
from bck_apps.api.routes import (
    audit,
    auth,
    backup,
    browse,
    check,
    enrolment,
    export,
    filters,
    health,
    history,
    hosts,
    jobs,
    metrics,
    points,
    profiles,
    restore,
    retention,
    runs,
    schedule,
    second_factor,
    tokens,
)
from bck_apps.cli.main import app
from bck_apps.cli.status import MEANINGS
from bck_apps.wiring.settings import Settings
from bckcore import errors
from bckcore.domain.device_token import SCOPES
from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId
from bckcore.domain.job import JobKind, JobStatus
from bckcore.domain.manifest import ChangeOp, ManifestInfo
from bckcore.domain.receipt import Receipt, encoded
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.transfer import Phase
from bckcore.plugins import hookspecs
from tests.architecture.source import ROOT
from tests.support.values import NOW

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "plugins").glob("*/README.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def words(text: str) -> set[str]:
    """What stands in back quotes, split at commas and blanks."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return {word for one in quoted for word in re.split(r'[,\s{}\[\]:"]+', one) if word}


# --- settings -------------------------------------------------------------------------------------


def settings() -> Iterator[tuple[str, object, str]]:
    """Name, default and description of every setting."""
    for section, holder in Settings.model_fields.items():
        model = holder.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            yield f"{section}.{name}", field.default, str(field.description)


def shown(default: object) -> str:
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`" if default else "empty"


def test_every_setting_has_a_row_with_default_meaning_and_variable() -> None:
    found = [row for row in rows(page("settings")) if len(row) == 5 and row[0].startswith("`")]
    assert [[row[0], row[2], row[3], row[4]] for row in found] == [
        [f"`{name}`", shown(default), text, f"`BCK_{name.upper().replace('.', '__')}`"]
        for name, default, text in settings()
    ]


# --- hooks ----------------------------------------------------------------------------------------


def hooks() -> dict[str, str]:
    """Name and signature of every hook, as it is written."""
    tree = ast.parse(inspect.getsource(hookspecs))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {
        hook.name: f"{hook.name}({ast.unparse(hook.args)}) -> {ast.unparse(hook.returns)}"
        for hook in found
        if hook.returns
    }


def sections(text: str, mark: str) -> dict[str, str]:
    """Text below each heading of the form ``<mark> `name```."""
    parts = re.split(rf"^{mark} `([^`]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_hook_has_its_signature_moment_and_example() -> None:
    documented = sections(page("hooks"), "###")
    assert list(documented) == list(hooks())
    for name, signature in hooks().items():
        text = documented[name]
        assert f"    {signature}\n" in text, name
        assert "Moment: " in text, name
        assert "Example: " in text or f"def {name}(" in text, name


# --- command line ---------------------------------------------------------------------------------


def verbs(command: object = None, path: str = "bck") -> Iterator[tuple[str, list[str]]]:
    """Every verb and the options it takes, ``--help`` aside."""
    command = command or typer.main.get_command(app)
    below = getattr(command, "commands", None)
    if below is not None:
        for name, one in below.items():
            yield from verbs(one, f"{path} {name}")
        return
    options = [option for one in getattr(command, "params", ()) for option in one.opts if option[0] == "-"]
    yield path, [option for option in options if option not in ("--help", "-h")]


def test_every_verb_and_option_is_described_and_no_other() -> None:
    documented = sections(page("command-line"), "##")
    assert sorted(documented) == sorted(path for path, _ in verbs())
    for path, options in verbs():
        text = documented[path]
        assert [option for option in options if f"`{option}" not in text] == [], path
        named = {row[0].strip("`").split("`")[0].split()[0] for row in rows(text) if row[0].startswith("`-")}
        assert named <= set(options), path


def test_every_exit_status_is_described() -> None:
    found = {row[0]: row[1].rstrip(" |") for row in rows(page("command-line")) if row[0].isdigit()}
    assert found == {str(code): text for code, text in MEANINGS.items()}


# --- HTTP API -------------------------------------------------------------------------------------

MODULES = (
    auth,
    health,
    hosts,
    profiles,
    points,
    browse,
    export,
    filters,
    history,
    retention,
    backup,
    restore,
    jobs,
    check,
    metrics,
    runs,
    schedule,
    audit,
    second_factor,
    tokens,
    enrolment,
)


def routes() -> set[str]:
    return {
        f"{method} {route.path}"
        for module in MODULES
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_every_route_is_described_and_no_other() -> None:
    found = {row[0].strip("`") for row in rows(page("http-api")) if re.match(r"`[A-Z]+ /", row[0])}
    assert found == routes()


def called(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from called(one)


def test_the_routes_that_a_device_token_opens_say_so() -> None:
    opened = {
        f"{method} {route.path}"
        for module in MODULES
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
        for one in called(route.dependant)
        if isinstance(one, Requires) and one.permission in SCOPES.values()
    }
    table = [row for row in rows(page("http-api")) if re.match(r"`[A-Z]+ /", row[0])]
    assert {row[0].strip("`") for row in table if row[1].endswith("; device of the host")} == opened


def test_every_kind_status_and_phase_of_a_job_is_described() -> None:
    told = {row[0]: row[1] for row in rows(page("http-api")) if len(row) == 2}
    assert {kind.value for kind in JobKind} <= words(told["JOB"].partition("`kind`")[2])
    assert {status.value for status in JobStatus} <= words(told["`status`"])
    assert {phase.value for phase in Phase} <= words(told["`progress`"])


# A word in quotes is one that the client does not know.
LOOSE_PHASE = re.compile(r"""\bphase(?: == |=)["']""")


def test_every_phase_of_ours_is_one_of_the_list() -> None:
    code = [
        *(ROOT / "src" / "bckcore").rglob("*.py"),
        *(ROOT / "src/adapters/bck_adapters/rsync").glob("*.py"),
    ]
    assert [path.name for path in code if LOOSE_PHASE.search(path.read_text(encoding="utf-8"))] == []


def test_no_module_of_routes_is_left_out() -> None:
    folder = ROOT / "src" / "apps" / "bck_apps" / "api" / "routes"
    having = {path.stem for path in folder.glob("*.py") if "APIRouter(" in path.read_text(encoding="utf-8")}
    assert having == {module.__name__.rpartition(".")[2] for module in MODULES}


@pytest.mark.parametrize(
    "model",
    [
        one
        for module in (
            schemas,
            schemas_audit,
            schemas_browse,
            schemas_enrolment,
            schemas_history,
            schemas_people,
            schemas_profiles,
            schemas_schedule,
        )
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, BaseModel)
    ],
    ids=lambda model: model.__name__,
)
def test_every_field_of_a_body_is_named(model: type[BaseModel]) -> None:
    assert sorted(set(model.model_fields) - words(page("http-api"))) == []


def codes(kind: type[errors.BckError] = errors.BckError) -> set[str]:
    below = (codes(one) for one in kind.__subclasses__() if one.__module__ == errors.__name__)
    return {kind.code}.union(*below)


def test_every_error_code_is_described() -> None:
    table = page("http-api").partition("| Code |")[2]
    found = words("\n".join(row[0] for row in rows(table)))
    assert found == codes() | {"internal"}


# --- storage --------------------------------------------------------------------------------------


def test_every_field_of_a_receipt_and_every_letter_of_a_manifest_is_described() -> None:
    run = Run(
        id=RunId("20260105T120000Z-00000001"),
        profile=ProfileId("docs"),
        host=HostId("pc1"),
        job=JobId("j"),
        seq=1,
        started=NOW,
    ).ended(RunOutcome.SUCCEEDED, NOW)
    info = ManifestInfo(seq=1, base=None, sha256="", lines=0)
    receipt = Receipt(run=run, counted=None, manifest=info, head=1, depth=0, filters=(), previous="")
    document = json.loads(encoded(receipt))
    text = page("storage-layout")
    told = words(text)
    assert sorted(set(document) - told) == []
    assert sorted({one.name for one in fields(ManifestInfo)} - told) == []
    for letter in (*ChangeOp, *EntryKind):
        assert f"`{letter.value}`" in text, letter


# --- links and folders ----------------------------------------------------------------------------


def links(path: Path) -> Iterator[str]:
    """Relative links of a page; examples in code are none."""
    text = re.sub(r"^ {4}.*$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    yield from (link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link))


def anchors(path: Path) -> set[str]:
    """What headings are called in a link."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or not (path.is_relative_to(DOCS) and path.exists()):
            continue
        reached.add(path)
        targets = [(path.parent / link.partition("#")[0]).resolve() for link in links(path) if link[0] != "#"]
        waiting += [one for one in targets if one.suffix == ".md"]
        waiting += [one for folder in targets if folder.is_dir() for one in folder.glob("*.md")]
    assert sorted(set(DOCS.rglob("*.md")) - reached) == []


def test_the_map_in_the_readme_names_folders_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The house")[2]
    named = [row[0].strip("`") for row in rows(text.partition("\n## ")[0]) if row[0].startswith("`")]
    assert named
    assert [name for name in named if not (ROOT / name).is_dir()] == []


# --- host keys ------------------------------------------------------------------------------------


def test_nobody_is_advised_to_take_whichever_host_key_is_shown_in_place_of_another() -> None:
    """The option is for a PC that is added; elsewhere it pins whoever answers at that moment."""
    option = "--trust-on-first-use"
    for path in PAGES:
        lines = [] if path.name == "CHANGELOG.md" else path.read_text(encoding="utf-8").splitlines()
        for line in lines:
            told = option not in line or "bck host add " in line or line.startswith(f"| `{option}` |")
            assert told, f"{path}: {line}"
    naming = {
        path.name for path in (ROOT / "src").rglob("*.py") if option in path.read_text(encoding="utf-8")
    }
    assert naming == {"host_options.py", "status.py"}, "what the verbs have, and a remark beside an exit code"
