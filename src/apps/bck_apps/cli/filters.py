"""Options that say what a profile leaves out, and the verb filters, which lists the presets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, show, table
from bckcore.domain.filters import FilterOptions
from bckcore.domain.presets import PRESETS, Preset, preset
from bckcore.domain.size import parsed_size

if TYPE_CHECKING:
    from rich.console import RenderableType

Presets = Annotated[
    list[str] | None,
    typer.Option(
        "--preset", metavar="NAME", help="List of rules, see 'bck filters'; repeatable; '' alone: none."
    ),
]
Bckignore = Annotated[
    bool | None,
    typer.Option("--bckignore/--no-bckignore", help="Heed .bckignore files in the PC's folders, or not."),
]
SkipCaches = Annotated[
    bool | None,
    typer.Option("--skip-caches/--no-skip-caches", help="Leave out folders with a CACHEDIR.TAG, or not."),
]
MaxSize = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Leave out files above that size, as 4G; 0 for no limit.")
]


def chosen(
    before: FilterOptions,
    presets: list[str] | None,
    bckignore: bool | None,
    skip_caches: bool | None,
    max_size: str | None,
) -> FilterOptions:
    """``before`` with what was given instead. Raises InvalidInputError."""
    return before.changed(
        presets=[] if presets == [""] else presets,
        bckignore=bckignore,
        skip_caches=skip_caches,
        max_size=None if max_size is None else parsed_size(max_size),
    )


def filters(
    name: Annotated[
        str, typer.Argument(metavar="[PRESET]", help="Name, or name and version as caches@1.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List the presets: rules that a profile can take by name. With a name, show its rules.

    A released list never changes; a better one gets the next version, and profiles keep theirs.
    """
    found = [preset(name)] if name else list(PRESETS)
    show(as_json, {"items": [_document(one) for one in found]}, lambda: _view(found, whole=bool(name)))


def _document(one: Preset) -> dict[str, object]:
    return {"preset": one.id, "about": one.about, "rules": list(one.rules)}


def _view(found: Sequence[Preset], *, whole: bool) -> "RenderableType":
    if whole:
        (one,) = found
        return fields((("preset", one.id), ("about", one.about), ("rules", "\n".join(one.rules))))
    rows = ((one.id, str(len(one.rules)), one.about) for one in found)
    return table(("PRESET", "RULES", "WHAT"), rows, empty="There are no presets.")
