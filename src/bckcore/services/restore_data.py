"""Accounts of restores as JSON, for a job's result."""

from collections.abc import Iterable

from bckcore.domain.paths import display
from bckcore.domain.transfer import PathProblem
from bckcore.services.restore_host_report import HostRestoreReport
from bckcore.services.restore_report import RestoreReport


def restore_data(report: RestoreReport) -> dict[str, object]:
    """A restore into a folder on the server."""
    counts = report.counts
    return {
        "point": report.point.run_id,
        "folder": str(report.folder),
        "files": report.files,
        "bytes": report.bytes,
        "counts": {name: getattr(counts, name) for name in counts.__slots__},
        "problems": report.problem_count,
        "problem_list": _listed(report.problems),
    }


def host_restore_data(report: HostRestoreReport) -> dict[str, object]:
    """A restore to a host, or what one would do."""
    counts = {outcome.value.replace("-", "_"): number for outcome, number in report.counts.items()}
    return {
        "point": report.point.run_id,
        "targets": dict(report.targets),
        "dry_run": report.dry_run,
        "files": report.files,
        "bytes": report.bytes_sent,
        "counts": {**counts, "failed": report.problem_count},
        "listed": [
            {"source": source, "path": display(one.path), "outcome": one.outcome.value}
            for source, one in report.listed
        ],
        "sets_owners": report.sets_owners,
        "problems": report.problem_count,
        "problem_list": _listed(report.problems),
    }


def _listed(problems: Iterable[PathProblem]) -> list[dict[str, str]]:
    return [{"path": display(one.path), "message": one.message} for one in problems]
