from __future__ import annotations

import subprocess  # noqa: TID251 -- the process that is killed must be a real one
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.integration.places import new_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("storage", "rounds"), [("sqlite", 50), ("json", 10), ("postgres", 30)])
def test_a_killed_process_loses_nothing_it_acknowledged(
    storage: str, rounds: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = new_place(storage, tmp_path / "memory", request)
    command = [sys.executable, "-m", "tests.integration.kill_stream"]
    arguments = [place, str(rounds), "20261123"]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True)
    told = orjson.loads(done.stdout)
    assert told["rounds"] == rounds
    assert told["acknowledged"] >= rounds
    assert told["lost"] == []
    assert told["problems"] == []


@pytest.mark.parametrize(
    ("scenario", "storage", "size"),
    [
        ("import", "sqlite", 3000),
        ("aging", "sqlite", 1500),
        ("aging", "json", 60),
        ("export", "sqlite", 2000),
    ],
)
def test_a_killed_command_is_finished_by_the_same_again(
    scenario: str, storage: str, size: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.integration.kill_command"]
    arguments = [scenario, str(tmp_path), storage, str(size), "20261124"]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True)
    told = orjson.loads(done.stdout)
    assert told["wrong"] == []
    assert told["killed"] > 0
