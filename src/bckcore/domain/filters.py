"""Filters: what of its sources a profile leaves out, apart from its own rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from bckcore.domain.presets import preset, preset_ids
from bckcore.errors import InvalidInputError

BCKIGNORE = b".bckignore"
CACHEDIR_TAG = b"CACHEDIR.TAG"
LARGEST_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """Presets, what the PC's owner may say in the folders themselves, and a limit of size."""

    presets: tuple[str, ...] = ()
    """Names with versions, as ``caches@1``; see :mod:`bckcore.domain.presets`."""
    bckignore: bool = False
    """Heed files called ``.bckignore`` on the PC: gitignore rules for the folder they lie in."""
    skip_caches: bool = False
    """Leave out what lies in a folder that a signed ``CACHEDIR.TAG`` marks as a cache."""
    max_size: int | None = None
    """Bytes; larger files are left out. None for no limit."""

    def __post_init__(self) -> None:
        if preset_ids(self.presets) != self.presets:
            raise InvalidInputError("Presets are named with their versions, each once, as caches@1.")
        if self.max_size is not None and not 1 <= self.max_size <= LARGEST_LIMIT:
            raise InvalidInputError(
                "The limit of size is not between 1 byte and 4 EiB.", advice="For example --max-size 4G."
            )

    def changed(
        self,
        *,
        presets: Sequence[str] | None = None,
        bckignore: bool | None = None,
        skip_caches: bool | None = None,
        max_size: int | None = None,
    ) -> "FilterOptions":
        """With what is given instead; a name without a version means the newest, a limit of 0 none.

        Raises InvalidInputError.
        """
        return FilterOptions(
            presets=self.presets if presets is None else preset_ids(presets),
            bckignore=self.bckignore if bckignore is None else bckignore,
            skip_caches=self.skip_caches if skip_caches is None else skip_caches,
            max_size=self.max_size if max_size is None else max_size or None,
        )

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of the presets, in their order."""
        return tuple(rule for name in self.presets for rule in preset(name).rules)

    @property
    def wanted_names(self) -> tuple[bytes, ...]:
        """Names of files on the PC that have a say; empty when no look at the PC is needed."""
        return (*((BCKIGNORE,) if self.bckignore else ()), *((CACHEDIR_TAG,) if self.skip_caches else ()))
