"""config.json: what is taken, what is refused and how, and that it is written whole and private."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from bck_apps.gui.config import (
    ClientConfig,
    ProfileConfig,
    json_schema,
    load,
    normal_endpoint,
    normal_fingerprint,
    save,
)
from bck_apps.gui.problems import ConfigError
from bck_apps.gui.texts import Texts, explain

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "config.schema.json"
FULL = {
    "endpoint": "https://backup.example:8443",
    "ca_file": "ca.pem",
    "ca_sha256": "ab" * 32,
    "user": "anna",
    "language": "it",
    "profiles": [{"name": "docs", "folders": ["/home/anna/Documents"], "compression": True}],
    "scheduler": {"enabled": True, "every_hours": 12},
}


def _write(path: Path, data: object) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_committed_schema_is_the_models() -> None:
    assert SCHEMA.read_text() == json_schema(), "write it anew: see docs/how-to/desktop-client.md"


def test_saved_file_loads_as_it_was(tmp_path) -> None:
    config = ClientConfig.model_validate(FULL)
    save(tmp_path / "new" / "config.json", config)
    assert load(tmp_path / "new" / "config.json") == config


def test_missing_file_is_an_empty_configuration(tmp_path) -> None:
    assert load(tmp_path / "none.json") == ClientConfig()


def test_schema_key_for_editors_is_no_setting(tmp_path) -> None:
    assert load(_write(tmp_path / "c.json", {"$schema": "x", **FULL})).user == "anna"


def test_file_is_readable_for_its_owner_only(tmp_path) -> None:
    path = _write(tmp_path / "config.json", "{}")
    path.chmod(0o644)
    save(path, ClientConfig())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_failed_save_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch) -> None:
    path = _write(tmp_path / "config.json", FULL)

    def broken(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ConfigError) as caught:
        save(path, ClientConfig())
    assert caught.value.code == "config-not-saved"
    assert json.loads(path.read_text()) == FULL
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.parametrize(
    ("data", "code", "names"),
    [
        ("{", "config-not-json", "JSON"),
        ("[]", "config-invalid", ""),
        ({"endpoint": "http://backup.example"}, "config-invalid", "endpoint"),
        ({"endpoint": "https://backup.example/path"}, "config-invalid", "endpoint"),
        ({"ca_sha256": "abc"}, "config-invalid", "ca_sha256"),
        ({"language": "de"}, "config-invalid", "language"),
        ({"verify": False}, "config-invalid", "verify"),
        ({"insecure": True}, "config-invalid", "insecure"),
        ({"scheduler": {"every_hours": 0}}, "config-invalid", "scheduler.every_hours"),
        ({"profiles": [{"name": "../x"}]}, "config-invalid", "profiles.0.name"),
        ({"profiles": [{"name": "a"}, {"name": "a"}]}, "config-invalid", "same name"),
        ({"profiles": [{"name": "a", "folders": ["docs"]}]}, "config-invalid", "profiles.0.folders"),
        ({"profiles": [{"name": "a", "folders": ["/a", "/a/b"]}]}, "config-invalid", "overlap"),
    ],
)
def test_bad_file_is_refused_with_place_meaning_and_advice(tmp_path, data, code, names) -> None:
    with pytest.raises(ConfigError) as caught:
        load(_write(tmp_path / "config.json", data))
    told = explain(caught.value, Texts("en"))
    assert caught.value.code == code
    assert names in told.detail
    assert str(tmp_path / "config.json") in told.what
    assert told.meaning
    assert told.advice


@pytest.mark.parametrize("name", ["password", "Password", "access_token", "client_secret"])
def test_secret_in_the_file_is_refused_and_not_repeated(tmp_path, name) -> None:
    with pytest.raises(ConfigError) as caught:
        load(_write(tmp_path / "config.json", {name: "hunter2"}))
    assert name in caught.value.detail
    assert "hunter2" not in str(explain(caught.value, Texts("en")))


def test_unreadable_file_is_refused(tmp_path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.json")
    assert caught.value.code == "config-unreadable"


def test_model_has_no_place_for_a_secret() -> None:
    assert not [name for name in json.loads(json_schema())["properties"] if "pass" in name or "token" in name]


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("backup.example", "https://backup.example"),
        (" https://backup.example:8443/ ", "https://backup.example:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("HTTPS://Backup.Example", "https://backup.example"),
    ],
)
def test_address_is_taken_in_normal_form(given, normal) -> None:
    assert normal_endpoint(given) == normal


@pytest.mark.parametrize(
    "given", ["http://x", "https://", "https://x:99999", "https://u@x", "https://x?y", "a b"]
)
def test_other_addresses_are_refused(given) -> None:
    with pytest.raises(ValueError, match=r".+"):
        normal_endpoint(given)


def test_fingerprint_is_taken_as_people_copy_it() -> None:
    assert normal_fingerprint("SHA256: " + ":".join(["AB"] * 32)) == "ab" * 32


def test_changed_profile_is_kept_only_if_it_was_listed() -> None:
    config = ClientConfig.model_validate(FULL)
    changed = ProfileConfig(name="docs", folders=("/x",))
    assert config.with_profile(changed).profile("docs") == changed
    assert config.with_profile(ProfileConfig(name="other")) == config
