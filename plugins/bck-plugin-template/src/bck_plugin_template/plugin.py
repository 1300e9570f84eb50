"""What this plugin offers: a notifier that keeps a journal, and a veto while the file ``pause`` exists."""

import json
import os
from pathlib import Path

from bckcore.domain.events import (
    Event,
    HostKeyRefused,
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import NotifierFactories

JOURNAL = "journal.jsonl"
PAUSE = "pause"


@hookimpl
def bck_notifiers() -> NotifierFactories:
    """``journal`` appends a line to ``$BCK_HOME/journal.jsonl`` for every event."""
    return {"journal": lambda context: Journal(context.home / JOURNAL)}


@hookimpl
def bck_run_starting() -> str | None:
    """Refuse every run while ``$BCK_HOME/pause`` exists; what the file says is the reason.

    The hook also gives ``run`` and ``profile``; an implementation names only what it needs.
    """
    return pause_reason(home_folder() / PAUSE)


class Journal:
    """Notifier that appends one JSON line per event. Lines are never changed; only the owner reads them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def notify(self, event: Event) -> None:
        """Append the event in one write, so that lines of several runs never mix."""
        line = json.dumps(described(event), sort_keys=True) + "\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode("ascii"))
        finally:
            os.close(handle)


def described(event: Event) -> dict[str, object]:
    """The event as a JSON object."""
    match event:
        case RunFinished(run=run):
            return {
                "event": "run-finished",
                "run_id": run.id,
                "profile": run.profile,
                "host": run.host,
                "outcome": run.outcome.value if run.outcome else None,
                "finished": run.finished.isoformat() if run.finished else None,
                "made_point": run.made_point,
                "counts": {name: getattr(run.counts, name) for name in run.counts.__slots__},
                "problems": run.problem_count,
                "error_code": run.error_code,
            }
        case PointsPruned(profile=profile, decisions=decisions):
            forgotten = [decision.point.run_id for decision in decisions if not decision.keep]
            return {"event": "points-pruned", "profile": profile, "forgotten": forgotten}
        case HostUnreachable(host=host, at=at, why=why):
            return {"event": "host-unreachable", "host": host, "at": at.isoformat(), "why": why}
        case ProfileStale(profile=profile, host=host, at=at, good_at=good_at):
            newest = good_at.isoformat() if good_at else None
            told = {"profile": profile, "host": host, "at": at.isoformat(), "good_at": newest}
            return {"event": "profile-stale", **told}
        case ProfileRecovered(profile=profile, host=host, at=at):
            return {"event": "profile-recovered", "profile": profile, "host": host, "at": at.isoformat()}
        case HostKeyRefused(host=host, at=at, pinned=pinned, shown=shown):
            keys = {"pinned": list(pinned), "shown": list(shown)}
            return {"event": "host-key-refused", "host": host, "at": at.isoformat(), **keys}


def home_folder() -> Path:
    """The installation's folder, found as ``bck`` finds it."""
    text = os.environ.get("BCK_HOME", "")
    return Path(text) if text else Path.home() / ".local" / "share" / "bck"


def pause_reason(path: Path) -> str | None:
    """Why backups are paused; None if they are not. A file that cannot be read pauses them, too."""
    try:
        text = path.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        text = f"{path} cannot be read: {error.strerror}"
    return f"backups are paused: {text or 'no reason given'}"
