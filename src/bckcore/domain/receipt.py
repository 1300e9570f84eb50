"""Receipt: a run's durable account in storage, chained to the one before it by digest."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from bckcore.domain.ids import HostId, JobId, ProfileId, SourceName, checked_name, checked_run_id
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.paths import percent_decoded, percent_encoded
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ChangeCounts, Run, RunKind, RunOutcome
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.seal import sealed, unsealed
from bckcore.domain.transfer import ProblemKind
from bckcore.errors import InvalidInputError, StorageError

FORMAT = 1
_MANIFEST = ("seq", "base", "sha256", "lines")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Written once per run, failed ones too, and never changed afterwards."""

    run: Run
    """Over: ``finished`` and ``outcome`` are set. Attempts are not part of the receipt."""
    counted: Counted | None
    """None when the run made no point."""
    manifest: ManifestInfo | None
    """None when the run changed nothing in the catalog."""
    head: int | None
    """Number of the newest manifest up to and including this run; with its bases it tells the state."""
    depth: int
    """Manifests from ``head`` back to the full one it builds on; 0 when it is full itself."""
    filters: tuple[str, ...]
    """The gitignore rules this run used."""
    previous: str
    """SHA-256 of the receipt before; empty for the first."""
    acts: int = 0
    """Number of the newest act before the run ended, so that its loss is noticed."""
    note: str = ""
    """Who asked for a run that is no backup, and why; empty otherwise."""
    problems: tuple[RunProblem, ...] = ()
    """The first of those that ``run.problem_count`` counts."""


def encoded(receipt: Receipt) -> bytes:
    """The receipt as UTF-8 JSON with sorted keys and a final newline."""
    run, manifest = receipt.run, receipt.manifest
    if run.finished is None or run.outcome is None:
        raise StorageError(f"Run {run.id} is not over; it has no receipt yet.")
    document = {
        "format": FORMAT,
        "run_id": run.id,
        **{name: getattr(run, name) for name in ("profile", "host", "job")},
        "kind": run.kind.value,
        "seq": run.seq,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat(),
        "outcome": run.outcome.value,
        "error_code": run.error_code,
        "error": run.error,
        "problems": run.problem_count,
        "point": receipt.counted.value if receipt.counted else None,
        "counts": {name: getattr(run.counts, name) for name in run.counts.__slots__},
        "filters": list(receipt.filters),
        "manifest": {name: getattr(manifest, name) for name in _MANIFEST} if manifest else None,
        "head": receipt.head,
        "depth": receipt.depth,
        "previous": receipt.previous,
        "acts": receipt.acts,
        "note": receipt.note,
        "problem_list": [_told(problem) for problem in receipt.problems],
    }
    return sealed(document)


def decoded(raw: bytes) -> Receipt:
    """Read a receipt. Raises StorageError when it is damaged or of a newer format."""
    try:
        document = unsealed(raw, form=FORMAT, required_with="kind")
        if _of(int, document["format"]) != FORMAT:
            raise StorageError(
                f"A receipt has format {document['format']}; this program reads {FORMAT}.",
                advice="Install the version of this program that wrote it, or a newer one.",
            )
        manifest = document["manifest"]
        return Receipt(
            run=_run(document),
            counted=Counted(document["point"]) if document["point"] is not None else None,
            manifest=_manifest(manifest) if manifest is not None else None,
            head=_of(int, document["head"]) if document["head"] is not None else None,
            depth=_of(int, document["depth"]),
            filters=tuple(_of(str, rule) for rule in _of(list, document["filters"])),
            previous=_of(str, document["previous"]),
            acts=_of(int, document.get("acts", 0)),
            note=_of(str, document.get("note", "")),  # they say nothing of this either
            problems=tuple(_problem(_of(dict, one)) for one in _of(list, document.get("problem_list", []))),
        )
    except (ValueError, KeyError, TypeError, InvalidInputError) as exc:
        raise StorageError(f"A receipt cannot be read: {exc}.") from exc


def _of(kind: type[T], value: object) -> T:
    """The value, which must be of that type."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _manifest(document: dict[str, object]) -> ManifestInfo:
    return ManifestInfo(
        seq=_of(int, document["seq"]),
        base=_of(int, document["base"]) if document["base"] is not None else None,
        sha256=_of(str, document["sha256"]),
        lines=_of(int, document["lines"]),
    )


def _run(document: dict[str, object]) -> Run:
    text = {key: value for key, value in document.items() if isinstance(value, str)}
    counts = _of(dict, document["counts"])
    return Run(
        id=checked_run_id(text["run_id"]),
        profile=ProfileId(checked_name(text["profile"], "profile")),
        host=HostId(checked_name(text["host"], "host")),
        job=JobId(text["job"]),
        seq=_of(int, document["seq"]),
        kind=RunKind(_of(str, document.get("kind", "backup"))),  # receipts of the first release do not say it
        started=datetime.fromisoformat(text["started"]),
        finished=datetime.fromisoformat(text["finished"]),
        outcome=RunOutcome(text["outcome"]),
        made_point=document["point"] is not None,
        counts=ChangeCounts(**{name: _of(int, counts[name]) for name in ChangeCounts.__slots__}),
        problem_count=_of(int, document["problems"]),
        error_code=text["error_code"],
        error=text["error"],
    )


def _told(problem: RunProblem) -> dict[str, str]:
    return {
        "source": problem.source,
        "kind": problem.kind.value,
        "path": percent_encoded(problem.path),
        "message": problem.message,
    }


def _problem(document: dict[str, object]) -> RunProblem:
    return RunProblem(
        source=SourceName(checked_name(_of(str, document["source"]), "source")),
        kind=ProblemKind(_of(str, document["kind"])),
        path=percent_decoded(_of(str, document["path"])),
        message=_of(str, document["message"]),
    )


def digest(raw: bytes) -> str:
    """What the next receipt names as ``previous``."""
    return sha256(raw).hexdigest()
