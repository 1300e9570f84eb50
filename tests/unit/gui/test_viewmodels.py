"""What pages know and decide, without Qt."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, ProfileConfig, SchedulerConfig, load
from bck_apps.gui.messages import Job, Progress, Source
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import (
    ClientError,
    ConfigError,
    ConnectionFailedError,
    RefusedError,
    ServerError,
    SignInError,
)
from bck_apps.gui.texts import Phrase, Texts
from bck_apps.gui.texts.catalogue import CATALOGUES
from bck_apps.gui.viewmodels.desk import Desk
from bck_apps.gui.viewmodels.folder_choice import FolderChoice
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.viewmodels.log_book import LogBook
from bck_apps.gui.viewmodels.progress_view import progress_view
from bck_apps.gui.viewmodels.sign_in import Connector
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.viewmodels.verdict import verdict
from bckcore.domain.transfer import Phase
from tests.support.gui_api import (
    NOON,
    PASSWORD,
    Door,
    MemoryApi,
    done,
    host,
    job,
    line,
    point,
    profile,
    running,
)

HOUR = timedelta(hours=1)
EN = Texts("en")
OFFLINE = ConnectionFailedError("offline")


def test_viewmodels_need_no_qt() -> None:
    code = (
        "import sys, bck_apps.gui.viewmodels.desk\n"
        "sys.exit(any(name.partition('.')[0] == 'PySide6' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class World:
    """A home page over the server in memory."""

    def __init__(self, api: MemoryApi, config: ClientConfig | None = None) -> None:
        self.api = api
        self.now = NOON
        self.keys = 0
        self.left: list[ClientError | None] = []
        self.wanted: list[ProfileConfig] = []
        self.home = Home(
            api,
            api.session(),
            config or ClientConfig(),
            clock=lambda: self.now,
            new_key=self._key,
            save_wanted=self.wanted.append,
            signed_out=self.left.append,
        )
        self.home.refresh()

    def _key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    @property
    def page(self):
        assert self.home.chosen is not None
        return self.home.chosen

    def why(self) -> str:
        reason = self.page.why_not
        return reason.key if reason else ""


# --- back up now ----------------------------------------------------------------------------------


def test_backup_can_start_with_a_valid_folder_and_no_running_job() -> None:
    assert World(MemoryApi()).page.can_back_up


def test_backup_cannot_start_without_a_folder() -> None:
    world = World(MemoryApi(held=[profile().model_copy(update={"sources": ()})]))
    assert world.why() == "why.no-folder"
    world.page.back_up()
    assert world.api.keys == []


def test_backup_cannot_start_with_an_invalid_folder() -> None:
    bad = (Source(name="a", path="relative"),)
    assert World(MemoryApi(held=[profile().model_copy(update={"sources": bad})])).why() == "why.bad-folder"


def test_backup_cannot_start_with_folders_that_are_not_saved() -> None:
    world = World(MemoryApi())
    world.page.folders.add("/home/anna/Pictures")
    assert world.why() == "why.unsaved"


def test_backup_cannot_start_while_a_job_runs_that_somebody_else_started() -> None:
    world = World(MemoryApi(kept_jobs=[job("other")]))
    assert world.why() == "why.running"
    assert world.api.stream.job_id == "other"


def test_backup_cannot_start_twice() -> None:
    world = World(MemoryApi())
    world.api.hold = True
    world.page.back_up()
    assert world.why() == "why.starting"
    world.page.back_up()
    world.api.release()
    assert world.why() == "why.running"
    world.page.back_up()
    assert world.api.keys == [("docs", "k1")]


@pytest.mark.parametrize(
    ("fields", "role", "why"),
    [({"enabled": False}, "admin", "why.disabled"), ({}, "viewer", "why.role")],
)
def test_backup_cannot_start_where_the_server_would_refuse(fields, role, why) -> None:
    assert World(MemoryApi(held=[profile(**fields)], role=role)).why() == why


def test_start_after_a_broken_connection_is_the_same_request() -> None:
    world = World(MemoryApi(fail={"start_backup": OFFLINE}))
    world.page.back_up()
    assert world.page.run.problem is OFFLINE
    del world.api.fail["start_backup"]
    world.page.back_up()
    assert world.api.keys == [("docs", "k1"), ("docs", "k1")]


def test_start_after_a_refusal_is_a_new_request() -> None:
    world = World(MemoryApi(fail={"start_backup": RefusedError("path-not-allowed")}))
    world.page.back_up()
    world.page.back_up()
    assert [key for _, key in world.api.keys] == ["k1", "k2"]


# --- the computer of a profile --------------------------------------------------------------------

BY_PASSWORD = host(login="password")


def test_computer_with_a_password_is_backed_up_with_the_one_that_is_given_and_it_is_not_kept() -> None:
    world = World(MemoryApi(kept_hosts=[BY_PASSWORD]))
    assert world.page.needs_password
    assert world.page.can_back_up
    world.page.back_up()
    assert world.api.keys == [], "without a password nothing is asked for"
    world.page.back_up("of the PC")
    assert world.api.passwords == ["of the PC"]
    assert "of the PC" not in repr(vars(world.page.run))


@pytest.mark.parametrize("kept", [host(), host(login="password", has_password=True), host(name="other")])
def test_no_password_is_sent_where_none_is_needed(kept) -> None:
    world = World(MemoryApi(kept_hosts=[kept]))
    assert not world.page.needs_password
    world.page.back_up("typed before it was known")
    world.page.back_up()
    assert world.api.passwords == [""]


def test_start_with_a_password_after_a_broken_connection_is_the_same_request() -> None:
    world = World(MemoryApi(kept_hosts=[BY_PASSWORD], fail={"start_backup": OFFLINE}))
    world.page.back_up("of the PC")
    del world.api.fail["start_backup"]
    world.page.back_up("of the PC")
    assert [key for _, key in world.api.keys] == ["k1", "k1"]
    assert world.page.run.note is None


def test_password_that_was_not_used_is_told_and_forgotten() -> None:
    world = World(MemoryApi(kept_hosts=[BY_PASSWORD], answering=job("other")))
    world.page.back_up("of the PC")
    assert world.page.run.note is not None
    assert "asked for already" in EN.say(world.page.run.note)
    assert world.api.stream.job_id == "other"
    world.page.run.dismiss()
    assert world.page.run.note is None


def test_computer_with_a_password_is_not_backed_up_by_itself() -> None:
    config = ClientConfig(scheduler=SchedulerConfig(enabled=True))
    world = World(MemoryApi(kept_hosts=[BY_PASSWORD]), config)
    world.home.tick()
    assert world.home.next_auto(world.page) is None
    assert world.api.keys == []


def test_jobs_are_known_where_computers_cannot_be_asked_for() -> None:
    world = World(MemoryApi(kept_jobs=[job("j7")], fail={"hosts": RefusedError("forbidden")}))
    assert world.page.standing.state is State.RUNNING
    assert world.home.fresh_at == NOON


def test_computer_that_is_not_known_yet_is_not_backed_up_by_itself() -> None:
    config = ClientConfig(scheduler=SchedulerConfig(enabled=True))
    world = World(MemoryApi(fail={"hosts": RefusedError("forbidden")}), config)
    world.home.tick()
    assert (world.home.next_auto(world.page), world.api.keys) == (None, [])
    del world.api.fail["hosts"]
    world.home.refresh()
    world.home.tick()
    assert world.api.keys == [("docs", "k1")]


def test_computer_that_waits_for_its_enrolment_is_told_and_not_backed_up() -> None:
    waiting = host(awaits_enrolment=True, enrolment_open_until=NOON + HOUR)
    world = World(MemoryApi(kept_hosts=[waiting]))
    assert world.why() == "why.enrolment"
    said = [EN.say(phrase) for phrase in world.page.enrolment]
    assert said[0] == "This computer is not enrolled yet."
    assert "redeemed until" in said[-1]
    world.api.kept_hosts = [host()]
    world.home.refresh()
    assert (world.why(), world.page.enrolment) == ("", ())


# --- a run, live ----------------------------------------------------------------------------------


def test_run_goes_from_click_to_verdict() -> None:
    world = World(MemoryApi())
    page = world.page
    states = [page.standing.state]
    page.subscribe(lambda: states.append(page.standing.state))
    page.back_up()
    follower = world.api.stream.follower
    follower.on_job(job("job-k1", "running"))
    follower.on_progress(Progress(phase="transferring", percent=40))
    follower.on_log(line(1))
    assert page.run.progress.percent == 40
    world.api.kept_points["docs"] = [point(1, NOON)]
    world.api.finish(done("job-k1"))
    assert page.run.verdict is not None
    assert page.run.verdict.state is State.SUCCESS
    assert list(dict.fromkeys(states)) == [State.NEVER, State.RUNNING, State.SUCCESS]
    assert page.can_back_up
    assert [row.seq for row in page.points] == [1]


def test_lost_connection_is_told_and_the_run_goes_on() -> None:
    world = World(MemoryApi())
    world.page.back_up()
    follower = world.api.stream.follower
    follower.on_log(line(1))
    follower.on_lost(OFFLINE)
    assert world.page.run.lost
    assert world.page.run.active
    follower.on_log(line(1))
    follower.on_log(line(2))
    assert not world.page.run.lost
    assert [entry.number for entry in world.page.run.log.lines] == [1, 2]


def test_stop_asks_the_server_once() -> None:
    world = World(MemoryApi())
    world.page.back_up()
    world.page.run.stop()
    world.page.run.stop()
    assert world.api.cancelled == ["job-k1"]
    world.api.finish(job("job-k1", "cancelled", error={"code": "cancelled"}))
    assert world.page.run.verdict is not None
    assert world.page.run.verdict.title.key == "result.cancelled"


def test_running_job_is_followed_again_by_a_new_window() -> None:
    world = World(MemoryApi(kept_jobs=[job("j7")]))
    world.home.refresh()
    assert [stream.job_id for stream in world.api.streams] == ["j7"]
    assert world.page.run.active


def test_ended_run_is_not_followed_again_because_the_list_is_old() -> None:
    world = World(MemoryApi(kept_jobs=[job("j7")]))
    world.api.stream.follower.on_end(done("j7"))
    assert len(world.api.streams) == 1
    assert world.page.can_back_up


def test_closing_stops_listening_and_leaves_the_job() -> None:
    world = World(MemoryApi(kept_jobs=[job("j7")]))
    world.home.close()
    assert world.api.stream.closed
    assert world.api.cancelled == []


# --- folders --------------------------------------------------------------------------------------


def test_saved_folders_keep_their_names_in_the_backup() -> None:
    world = World(MemoryApi(held=[profile("docs", "/home/anna/Documents", "/home/anna/Old")]))
    folders = world.page.folders
    folders.remove(1)
    assert folders.add("/home/anna/Pictures/")
    world.page.save_folders()
    assert world.api.saved[0].sources == (
        Source(name="documents", path="/home/anna/Documents"),
        Source(name=None, path="/home/anna/Pictures"),
    )
    assert not folders.dirty
    assert folders.saved


def test_saving_changes_nothing_else_of_the_profile() -> None:
    before = profile(excludes=("*.tmp",), keep_last=5, keep_within="2d", bandwidth_limit=2048)
    world = World(MemoryApi(held=[before]))
    world.page.folders.set_compress(True)
    world.page.save_folders()
    assert world.api.saved == [before.model_copy(update={"compress": True})]


def test_refused_folders_stay_as_a_draft_with_the_servers_reason() -> None:
    refusal = RefusedError("path-not-allowed", what="/etc is outside.")
    world = World(MemoryApi(fail={"save_profile": refusal}))
    world.page.folders.add("/etc")
    world.page.save_folders()
    assert world.page.folders.refusal is refusal
    assert world.page.folders.folders[-1] == "/etc"
    assert not world.page.can_back_up
    world.page.folders.discard()
    assert world.page.can_back_up


def test_bad_entry_is_named_and_not_taken() -> None:
    folders = FolderChoice(profile("docs", "/a"), editable=True)
    assert not folders.add("/a/b")
    assert folders.problem is not None
    assert EN.say(folders.problem) == "/a/b and /a overlap. Keep the outer one."
    assert folders.folders == ("/a",)


def test_viewer_cannot_edit() -> None:
    folders = FolderChoice(profile("docs", "/a"), editable=False)
    folders.remove(0)
    folders.set_compress(True)
    assert not folders.add("/b")
    assert not folders.dirty


def test_news_from_the_server_do_not_overwrite_a_draft() -> None:
    folders = FolderChoice(profile("docs", "/a"), editable=True)
    folders.add("/b")
    folders.refresh(profile("docs", "/c"))
    assert list(folders.folders) == ["/a", "/b"]
    folders.discard()
    assert list(folders.folders) == ["/c"]


def test_configured_folders_are_offered_and_written_back_when_saved() -> None:
    wanted = ProfileConfig(name="docs", folders=("/home/anna/New",), compression=True)
    world = World(MemoryApi(held=[profile(), profile("other")]), ClientConfig(profiles=(wanted,)))
    assert [page.profile.name for page in world.home.pages] == ["docs"]
    assert world.page.folders.from_config
    assert world.page.folders.folders == ("/home/anna/New",)
    assert world.page.folders.compress
    world.page.save_folders()
    assert world.wanted == [wanted]


# --- the list -------------------------------------------------------------------------------------


def test_configured_profile_that_the_server_lacks_is_named() -> None:
    config = ClientConfig(profiles=(ProfileConfig(name="gone"), ProfileConfig(name="docs")))
    assert World(MemoryApi(), config).home.missing == ("gone",)


def test_unreachable_server_keeps_what_is_known_and_says_since_when() -> None:
    world = World(MemoryApi())
    world.api.fail["profiles"] = OFFLINE
    world.now += HOUR
    world.home.refresh()
    assert world.home.error is OFFLINE
    assert world.home.fresh_at == NOON
    assert world.page.profile.name == "docs"
    world.api.fail.clear()
    world.home.refresh()
    assert world.home.error is None


def test_unreachable_server_is_no_ground_to_say_safe_or_to_start() -> None:
    world = World(MemoryApi())
    before = world.page.standing
    world.api.fail["profiles"] = OFFLINE
    world.home.refresh()
    world.home.judge()
    assert (world.page.standing.state, world.why()) == (State.UNHEARD, "why.unheard")
    assert world.page.standing.last_good == before.last_good
    world.api.fail.clear()
    world.home.refresh()
    assert (world.page.standing, world.why()) == (before, "")


def test_expired_sign_in_leads_out() -> None:
    world = World(MemoryApi())
    expired = SignInError("access-denied")
    world.api.fail["profiles"] = expired
    world.home.refresh()
    assert world.left == [expired]


def test_profile_that_is_gone_from_the_server_leaves_the_list() -> None:
    world = World(MemoryApi(held=[profile("a"), profile("b")]))
    world.home.choose("b")
    world.api.held = [profile("a")]
    world.home.refresh()
    assert world.page.profile.name == "a"


def test_due_backup_starts_by_itself_once() -> None:
    config = ClientConfig(scheduler=SchedulerConfig(enabled=True, every_hours=24))
    world = World(MemoryApi(kept_points={"docs": [point(1, NOON)]}, kept_jobs=[done()]), config)
    world.home.tick()
    assert world.api.keys == []
    world.now += 25 * HOUR
    world.home.tick()
    world.home.tick()
    assert world.api.keys == [("docs", "k1")]


def test_due_backup_that_cannot_start_is_tried_again_after_an_hour() -> None:
    config = ClientConfig(scheduler=SchedulerConfig(enabled=True))
    world = World(MemoryApi(fail={"start_backup": ServerError("store-busy")}), config)
    for _ in range(3):
        world.home.tick()
    assert len(world.api.keys) == 1
    world.now += HOUR
    world.home.tick()
    assert len(world.api.keys) == 2


# --- progress and log -----------------------------------------------------------------------------


def _facts(progress: Progress, current: Job) -> str:
    return " · ".join(EN.say(fact) for fact in progress_view(current, progress).facts)


def test_unknown_amounts_are_said_to_be_unknown() -> None:
    current, progress = running(files_seen=10, files_done=4)
    assert progress_view(current, progress).percent is None
    assert _facts(progress, current) == (
        "how much in all is not known yet · 4 of 10 files seen so far · time left unknown"
    )


def test_known_amounts_are_all_shown() -> None:
    current, progress = running(
        percent=42, files_done=2000, bytes_done=1_500_000, bytes_per_second=2_000_000, eta_seconds=150
    )
    assert _facts(progress, current) == "42 % · 2,000 files · 1.5 MB · 2.0 MB/s · about 2 minutes left"


def test_percent_is_not_shown_outside_the_transfer() -> None:
    current, progress = running(phase="cataloguing", percent=100)
    assert progress_view(current, progress).percent is None
    assert progress_view(current, progress).facts == ()


@pytest.mark.parametrize(
    ("current", "phase", "key"),
    [
        (None, "", "phase.starting"),
        (job("j", "queued"), "", "phase.queued"),
        (job("j", "running"), "", "phase.starting"),
        (job("j", "running"), "connecting", "phase.connecting"),
        (job("j", "running"), "new phase", "phase.other"),
    ],
)
def test_phase_is_named(current, phase, key) -> None:
    assert progress_view(current, Progress(phase=phase)).headline.key == key


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_of_ours_has_words_in_both_languages(phase: Phase) -> None:
    """Only one that a transport of somebody else made up is shown as it is."""
    key = progress_view(job("j", "running"), Progress(phase=phase)).headline.key
    assert key == f"phase.{phase}"
    assert all(key in texts for texts in CATALOGUES.values())


def test_log_keeps_the_newest_and_says_so() -> None:
    book = LogBook(kept=3)
    for number in (1, 2, 2, 4, 5, 3):
        book.add(line(number))
    assert [entry.number for entry in book.lines] == [2, 4, 5]
    assert book.clipped
    assert [entry.number for entry in book.after(2)] == [4, 5]
    assert book.after(5) == ()


# --- verdict --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "kept", "look"),
    [("en", "marked as deleted", "unplugged disk"), ("it", "segnato come cancellato", "disco è scollegato")],
)
def test_suspect_run_tells_what_is_kept_where_to_look_and_the_way_out(language, kept, look) -> None:
    what = "docs: 111 of 200 paths are missing."
    told = verdict(done(status="suspect", error={"code": "files-missing", "what": what}))
    lines = " ".join(Texts(language).amount(line) for line in told.lines)
    assert all(part in lines for part in (kept, look, "bck backup docs --accept-missing"))
    assert told.details == what


def _told(last: Job, language: str = "en") -> str:
    words = Texts(language)
    told = verdict(last)
    return "\n".join(words.say(phrase) for phrase in (told.title, *told.lines))


def test_success_tells_what_changed() -> None:
    assert _told(done()) == "Backup done\n1,200 files, 3.4 GB in all. New: 12, changed: 3, gone: 1."


@pytest.mark.parametrize(
    ("language", "words"), [("en", "No file was found"), ("it", "Non è stato trovato nessun file")]
)
def test_success_without_a_file_says_what_that_may_mean(language: str, words: str) -> None:
    for result in ({"made_point": True}, {"made_point": False}):
        last = done(result={**result, "counts": {"files": 0, "bytes": 0}})
        assert words in _told(last, language)
        assert verdict(last).state is State.SUCCESS
    assert words not in _told(done(), language)
    assert words not in _told(done(result={"made_point": False}), language)


def test_run_without_a_change_says_so() -> None:
    assert "Nothing had changed" in _told(done(result={"made_point": False}))


def test_issues_tell_how_many_and_what_to_do() -> None:
    told = _told(done(status="partial", result={"problems": 2}))
    assert "2 files or folders could not be read." in told
    assert "The tab Problems names them." in told


def test_failure_tells_reason_and_advice_and_the_servers_words() -> None:
    error = {"code": "source-missing", "what": "None of the folders could be read:", "advice": "x"}
    last = job("j", "failed", error=error)
    assert "None of the folders could be read.\n" in _told(last)
    assert "Check the folders" in _told(last)
    assert "Nessuna delle cartelle" in _told(last, "it")
    assert verdict(last).details == "None of the folders could be read: x"
    assert verdict(last).state is State.FAILED


def test_computer_that_is_off_is_no_failure() -> None:
    for status in ("failed", "offline"):
        found = verdict(job("j", status, error={"code": "host-unreachable"}))
        assert (found.state, found.title) == (State.OFFLINE, Phrase("result.offline"))


def test_what_its_schedule_put_off_is_no_failure() -> None:
    last = job("j", "held-off", error={"code": "held-off"})
    assert (verdict(last).state, verdict(last).title) == (State.OFFLINE, Phrase("result.held-off"))
    assert "Nothing is to be done" in _told(last)
    assert "Non c'è niente da fare" in _told(last, "it")


def test_unknown_reason_is_told_as_unknown() -> None:
    last = job("j", "failed", error={"code": "brand-new", "what": "Moon phase."})
    assert "brand-new" in _told(last)
    assert verdict(last).details == "Moon phase."


# --- the desk -------------------------------------------------------------------------------------


def _desk(path, api: MemoryApi, config: ClientConfig | None = None, connect: Connector | None = None) -> Desk:
    return Desk(
        config=config or ClientConfig(endpoint="https://backup.example", ca_file="ca.pem", user="anna"),
        config_path=path,
        connect=connect or Door(api),
        clock=lambda: NOON,
        new_key=lambda: "k",
        system_language="en_GB",
    )


def _note(desk: Desk) -> str:
    """What the sign-in page says; empty when it is not there."""
    note = desk.sign_in.note
    return EN.say(note) if note is not None and desk.home is None else ""


def test_desk_goes_home_and_remembers_the_server_but_no_secret(tmp_path) -> None:
    path = tmp_path / "config.json"
    desk = _desk(path, MemoryApi())
    desk.sign_in.fill(user="bruno")
    desk.sign_in.submit(PASSWORD)
    assert desk.home is not None
    assert load(path).user == "bruno"
    assert PASSWORD not in path.read_text()
    assert "token" not in path.read_text()


def test_failed_sign_in_is_not_remembered(tmp_path) -> None:
    desk = _desk(tmp_path / "config.json", MemoryApi())
    desk.sign_in.fill(user="bruno")
    desk.sign_in.submit("wrong password")
    assert desk.home is None
    assert not (tmp_path / "config.json").exists()


def test_signing_out_forgets_the_token_and_says_so(tmp_path) -> None:
    api = MemoryApi()
    desk = _desk(tmp_path / "config.json", api)
    desk.sign_in.submit(PASSWORD)
    desk.sign_out()
    assert api.signed_in_as == ""
    assert desk.home is None
    assert desk.sign_in.note is not None


@pytest.mark.parametrize(
    ("why", "words"), [("ended", "elsewhere"), ("expired", "run out"), ("cut-off", "connection broke")]
)
def test_session_that_is_over_leads_back_to_the_sign_in_page_with_the_reason(tmp_path, why, words) -> None:
    api = MemoryApi()
    desk = _desk(tmp_path / "config.json", api)
    desk.sign_in.submit(PASSWORD)
    assert desk.home is not None
    assert desk.home.chosen is not None
    desk.home.chosen.back_up()
    api.end_session(why)
    assert api.stream.closed
    assert words in _note(desk)
    desk.sign_in.submit(PASSWORD)
    assert api.signed_in_as == "anna"


def test_closing_right_after_signing_out_waits_for_the_server_too(tmp_path) -> None:
    api = MemoryApi()
    desk = _desk(tmp_path / "config.json", api)
    desk.sign_in.submit(PASSWORD)
    api.hold = True
    desk.sign_out()
    parting = desk.close()
    assert not parting.settled
    api.release()
    assert parting.settled


def test_window_closed_while_the_server_looks_at_the_password_leaves_no_session(tmp_path) -> None:
    api = MemoryApi(hold=True)
    desk = _desk(tmp_path / "config.json", api)
    desk.sign_in.submit(PASSWORD)
    parting = desk.close()
    assert not parting.settled
    asked, api.waiting = api.waiting, []
    for settle in asked:
        settle()
    assert (desk.home, api.signed_in_as, parting.settled) == (None, "", False)
    api.release()
    assert parting.settled


def test_window_closed_before_the_password_is_sent_sends_none_and_waits_for_nothing(tmp_path) -> None:
    api, door = MemoryApi(), Pending[Api]()
    desk = _desk(tmp_path / "config.json", api, connect=lambda *_: door)
    desk.sign_in.submit(PASSWORD)
    assert desk.close().settled
    door.resolve(api)
    assert (desk.home, api.offered) == (None, [])


def test_window_closed_soon_after_a_second_sign_in_waits_for_the_end_of_both(tmp_path) -> None:
    first, second = MemoryApi(), MemoryApi()
    door = Door(first)
    desk = _desk(tmp_path / "config.json", first, connect=door)
    desk.sign_in.submit(PASSWORD)
    first.hold, door.api = True, second
    desk.sign_out()
    desk.sign_in.submit(PASSWORD)
    assert second.signed_in_as == "anna"
    parting = desk.close()
    assert (second.signed_in_as, parting.settled) == ("", False)
    first.release()
    assert parting.settled


def test_language_is_remembered(tmp_path) -> None:
    desk = _desk(tmp_path / "config.json", MemoryApi())
    assert desk.texts.language == "en"
    desk.choose_language("it")
    assert desk.texts.language == "it"
    assert load(tmp_path / "config.json").language == "it"


def test_configuration_that_cannot_be_written_is_told_and_used(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    desk = _desk(tmp_path / "file" / "config.json", MemoryApi())
    desk.choose_language("it")
    assert isinstance(desk.notice, ConfigError)
    assert desk.texts.language == "it"
    desk.dismiss_notice()
    assert desk.notice is None
