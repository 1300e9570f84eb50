"""Write dist/sbom/: for each form of an installation, what it is made of, as CycloneDX 1.6.

    .venv-tools/bin/python scripts/sbom.py [--out FOLDER]

It is made of the locks alone, which name what the wheel with its extras installs: nothing is fetched, nothing
installed. The same locks give the same bytes. Programs of the system, such as rsync, are in no lock.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.locks import FOLDER, ROOT, Pin, read_lock  # path set above

SHIPPED = ("server", "postgres", "cluster", "gui")
"""The locks of what people install."""


def main() -> None:
    """Write one file per form of an installation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "sbom")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for form in SHIPPED:
        text = bill(project["name"], project["version"], read_lock(FOLDER / f"{form}.txt"))
        path = out / f"{project['name']}-{project['version']}-{form}.cdx.json"
        path.write_text(text, encoding="utf-8")
        print(path)


def bill(name: str, version: str, pins: Iterable[Pin]) -> str:
    """The document for what these pins make up. It bears no time, and its number comes of what it says."""
    root = _component(name, version, ComponentType.APPLICATION)
    pins = tuple(pins)
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, repr((name, version, pins))))
    bom.metadata.timestamp = None  # left out, as the format allows
    bom.metadata.component = root
    parts: dict[str, list[Component]] = defaultdict(list)
    for pin in pins:
        parts[pin.name].append(_locked(pin))
    for pin in pins:
        wanting = [root] if pin.direct else []
        wanting += [one for by in pin.via for one in parts[by]]
        for one in wanting:
            bom.register_dependency(one, [part for part in parts[pin.name] if part.version == pin.version])
    bom.components.update(part for found in parts.values() for part in found)
    return f"{JsonV1Dot6(bom).output_as_string(indent=1)}\n"


def _component(name: str, version: str, kind: ComponentType) -> Component:
    purl = PackageURL(type="pypi", name=name, version=version)
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=purl.to_string())


def _locked(pin: Pin) -> Component:
    """A package; any one of the files with these hashes is what is installed of it."""
    component = _component(pin.name, pin.version, ComponentType.LIBRARY)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes]
    component.external_references.add(
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(component.bom_ref.value)), hashes=hashes
        )
    )
    if pin.marker:
        component.properties.add(Property(name="bck:environment-marker", value=pin.marker))
    return component


if __name__ == "__main__":
    main()
