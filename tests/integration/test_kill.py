from __future__ import annotations

import subprocess  # noqa: TID251 -- the process that is killed must be a real one
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("storage", "rounds"), [("sqlite", 50), ("json", 10)])
def test_a_killed_process_loses_nothing_it_acknowledged(
    storage: str, rounds: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.integration.kill_stream"]
    arguments = [str(tmp_path / "memory"), storage, str(rounds), "20261123"]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True)
    told = orjson.loads(done.stdout)
    assert told["rounds"] == rounds
    assert told["acknowledged"] >= rounds
    assert told["lost"] == []
    assert told["problems"] == []
