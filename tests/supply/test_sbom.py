"""The list of what an installation is made of names all that is locked, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scripts.locks import LockError, Pin, read_lock
from tests.architecture.source import ROOT

TOOLS = ROOT / ".venv-tools" / "bin" / "python"
FORMS = ("server", "postgres", "cluster", "gui")


def made(folder: Path) -> dict[str, bytes]:
    command = [str(part) for part in (TOOLS, ROOT / "scripts" / "sbom.py", "--out", folder)]
    subprocess.run(command, check=True, capture_output=True)
    return {path.name.partition(".cdx")[0].rpartition("-")[2]: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return made(tmp_path_factory.mktemp("sbom"))


def document(bills: dict[str, bytes], form: str) -> Any:
    return json.loads(bills[form])


def lock(form: str) -> tuple[Pin, ...]:
    return read_lock(ROOT / "requirements" / f"{form}.txt")


def test_there_is_one_for_every_way_to_install(bills: dict[str, bytes]) -> None:
    assert sorted(bills) == sorted(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_it_names_every_locked_package_with_its_hashes_and_no_other(
    bills: dict[str, bytes], form: str
) -> None:
    told = [
        (
            one["name"],
            one["version"],
            sorted(sum_["content"] for sum_ in one["externalReferences"][0]["hashes"]),
        )
        for one in document(bills, form)["components"]
    ]
    assert sorted(told) == sorted((pin.name, pin.version, sorted(pin.hashes)) for pin in lock(form))
    assert len(told) > 5


@pytest.fixture(scope="module")
def form_of_bills() -> jsonschema_rs.Draft7Validator:
    """CycloneDX's own description of its format, as the library that writes it ships it."""
    (folder,) = (TOOLS.parent.parent / "lib").glob("python3*/site-packages/cyclonedx/schema/_res")
    parts = [
        (f"http://cyclonedx.org/schema/{path.name}", json.loads(path.read_text(encoding="utf-8")))
        for path in folder.glob("*.SNAPSHOT.schema.json")
    ]
    schema = dict(parts)["http://cyclonedx.org/schema/bom-1.6.SNAPSHOT.schema.json"]
    return jsonschema_rs.Draft7Validator(schema, registry=jsonschema_rs.Registry(parts))


@pytest.mark.parametrize("form", FORMS)
def test_it_is_as_the_format_wants_it(
    bills: dict[str, bytes], form_of_bills: jsonschema_rs.Draft7Validator, form: str
) -> None:
    found = document(bills, form)
    assert list(form_of_bills.iter_errors(found)) == []
    del found["components"][0]["type"]
    assert len(list(form_of_bills.iter_errors(found))) == 1


@pytest.mark.parametrize("form", FORMS)
def test_every_package_is_wanted_by_the_product_or_by_another(bills: dict[str, bytes], form: str) -> None:
    found = document(bills, form)
    graph = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    root = found["metadata"]["component"]["bom-ref"]
    assert root.startswith("pkg:pypi/bckwinrsync@")
    reached, waiting = set(), [root]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += graph[ref]
    assert reached - {root} == {one["bom-ref"] for one in found["components"]}


def test_the_same_locks_give_the_same_bytes(bills: dict[str, bytes], tmp_path: Path) -> None:
    assert made(tmp_path) == bills
    serials = {document(bills, form)["serialNumber"] for form in FORMS}
    assert len(serials) == len(FORMS)
    assert b"timestamp" not in b"".join(bills.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example==1.0\n",
        "example==1.0 \\\n    # via bckwinrsync (pyproject.toml)\n",
        "example>=1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n",
        "example==1.0 \\\n    --hash=md5:" + "0" * 32 + "\n",
        "-r other.txt\n",
    ],
)
def test_a_lock_that_pins_less_than_everything_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(text)
    with pytest.raises(LockError):
        read_lock(path)
