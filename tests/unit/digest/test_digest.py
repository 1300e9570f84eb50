"""The digest is the one that rsync tells."""

import io
import subprocess
from pathlib import Path

from bck_adapters.digest import CHUNK, digest_of, digest_of_file


def test_digest_is_that_of_rsync(tmp_path: Path) -> None:
    datas = {"empty": b"", "short": b"hello world", "long": bytes(range(256)) * 20_000}
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    origin.mkdir()
    for name, data in datas.items():
        (origin / name).write_bytes(data)
    told = subprocess.run(
        ["rsync", "--archive", "--checksum-choice=xxh128", "--out-format=%C %n", f"{origin}/", copy],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = {name: text for text, _, name in (line.rpartition(" ") for line in told.splitlines())}
    assert {name: digest_of(data).hex() for name, data in datas.items()} == {
        name: found[name].strip() for name in datas
    }


def test_digest_of_a_file_is_that_of_its_bytes_and_every_piece_is_told() -> None:
    data, pieces = bytes(range(251)) * (CHUNK // 100), list[int]()
    assert digest_of_file(io.BytesIO(data), pieces.append) == digest_of(data)
    assert sum(pieces) == len(data)
    assert max(pieces) <= CHUNK
