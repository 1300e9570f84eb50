"""Bodies about runs, and about undo, accept and forget."""

from datetime import datetime

from pydantic import Field

from bck_apps.api.schemas import Line, Page, PointView
from bck_apps.api.schemas_base import Body, View
from bckcore.services.history_requests import LONGEST_REASON

RUN = "A run of the profile: its number or id."
_HELD = (
    "False: the run is old, its receipt alone names the paths, and the storage of this server has none that "
    "can be read."
)


class StartUndo(Body):
    """Either `run` or `to` is given."""

    run: str = Field("", max_length=64, description=f"{RUN} It and all after it are undone.")
    to: str = Field("", max_length=64, description="Go back to this point: name, number, time or `latest`.")
    reason: str = Field("", max_length=LONGEST_REASON, description="Kept in the receipt of the undo.")


class StartAccept(Body):
    """Which suspect run a person takes as right."""

    run: str = Field("", max_length=64, description=f"{RUN} Without it the newest.")
    reason: str = Field(max_length=LONGEST_REASON, description="Why; kept in the receipt.")


class AskForget(Body):
    """Which path is meant: `path` or `path_bytes`."""

    path: Line = Field("", description="`SOURCE/path` or the full path on the PC.")
    path_bytes: Line = Field("", description="The same, percent-encoded, for names that are no UTF-8.")


class StartForget(AskForget):
    """A path that is to be removed for good, and why."""

    reason: str = Field(max_length=LONGEST_REASON, description="Why; kept with the act.")


class RunView(View):
    """A run, whatever its kind and end."""

    run_id: str
    seq: int = Field(description="Number of the run in its profile.")
    kind: str = Field(description="`backup`, `undo` or `accept`.")
    outcome: str | None = Field(description="Null while it goes on.")
    made_point: bool
    started: datetime
    finished: datetime | None
    counts: dict[str, int] = Field(description="`files`, `bytes`, `added`, `changed`, `gone`.")
    problems: int
    error_code: str
    error: str


class ProblemView(View):
    """A path that a run could not read or store."""

    problem: str = Field(
        description="`unlisted`, `unreadable`, `vanished`, `not-stored`, `harmed`, `forged`, `filter`; "
        "`unknown`: a whole source."
    )
    source: str
    path: str = Field(description="`source/folder/name` for display, escaped.")
    path_bytes: str = Field(description="The same exactly, percent-encoded.")
    message: str
    reason: str = Field(description="What it comes from, for machines: `no-permission`, `in-use`, …")
    cause: str = Field(description="What it comes from and what it means.")
    advice: str = Field(description="What to do.")


class ReasonView(View):
    """How many problems come from one thing."""

    reason: str
    count: int
    cause: str
    advice: str


class ProblemPage(Page[ProblemView]):
    """Problems of a run, in parts."""

    run_id: str
    profile: str
    total: int = Field(description="How many there were.")
    kept: int = Field(description="How many of them are kept by path.")
    held: bool = Field(description=_HELD)
    reasons: list[ReasonView] = Field(description="Of those that are kept, the most frequent first.")


class AttemptView(View):
    """One try at one folder."""

    source: str
    number: int = Field(description="Counts from 1 within the folder.")
    started: datetime
    finished: datetime
    error_code: str = Field(description="Empty when it came to its end.")
    error: str


class RunAccountView(RunView):
    """A run, its attempts, and what it could not read or store."""

    attempts: list[AttemptView]
    items: list[ProblemView] = Field(description="The first 1,000 of `problems`; fewer where they are long.")
    held: bool = Field(description=_HELD)


class ChangeView(View):
    """What would become of one path."""

    op: str = Field(description="`+` comes back, `M` content, `T` type, `A` attributes, `-` moves aside.")
    path: str
    path_bytes: str
    kind: str = Field(description="`f` file, `d` folder, `l` link, as in manifests.")
    size: int


class UndoPlanView(View):
    """What an undo would do."""

    goal: PointView
    undone: list[int] = Field(description="Numbers of the runs that would be undone.")
    counts: dict[str, int]
    changes: int = Field(description="How many paths differ.")
    items: list[ChangeView] = Field(description="The first 1,000 of them.")


class MissingView(View):
    """A path that a suspect run missed; a folder stands for all in it."""

    path: str
    path_bytes: str
    kind: str


class AcceptPlanView(View):
    """What accepting would mark as deleted."""

    run: RunView
    items: list[MissingView]


class PlaceView(View):
    """Where something of a path is stored."""

    run_id: str | None = Field(description="The run whose increment it is; null for `current`.")
    files: int
    bytes: int
    aside: bool = Field(description="That run found it harmed and set it aside.")


class HeldView(View):
    """A hold on a point that shows the path."""

    seq: int
    owner: str
    reason: str


class ForgetPlanView(View):
    """What is stored of a path."""

    path: str
    path_bytes: str
    files: int
    bytes: int
    places: list[PlaceView]
    points: list[int] = Field(description="Numbers of the points that show it.")
    held: list[HeldView] = Field(description="Holds on these points; they do not keep the path.")
    comes_back: bool = Field(description="A backup stores it again where the PC still has it.")
    exclude_rule: str = Field(description="The rule that keeps it out; empty where none can say it.")
