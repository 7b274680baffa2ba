from __future__ import annotations

import signal
import subprocess  # noqa: TID251 -- the process that is killed must be a real one
import time
from contextlib import ExitStack, closing
from itertools import product
from typing import TYPE_CHECKING

import pytest

from engramia_core.memory.copy import Copier
from engramia_core.memory.stored import Record
from engramia_core.scope import Scope
from engramia_core.testing.builders import (
    MODEL,
    a_pattern,
    a_vector,
    an_event,
    an_observation,
)
from tests.cli.operator import ENGRAMIA
from tests.copying import BLOG, SHOP, copied, exported, fill
from tests.integration.places import new_place, open_at

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.store import PatternStore

STORAGES = ("sqlite", "json", "postgres")
SIZE = 4_000
PAUSE_S = 0.002


@pytest.mark.parametrize(("one", "other"), list(product(STORAGES, STORAGES)))
def test_there_and_back_again_is_the_same(
    one: str, other: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    names = {"first": one, "there": other, "back": one}
    with ExitStack() as opened:
        first, there, back = (
            opened.enter_context(closing(open_at(new_place(storage, tmp_path / name, request))))
            for name, storage in names.items()
        )
        fill(first)
        fill(first, BLOG)
        out = copied(first, there, SHOP, BLOG)
        home = copied(there, back, SHOP, BLOG)
        sums = [(s.checked.source_sha256, s.checked.target_sha256) for s in out.scopes if s.checked]
        assert len(sums) == 2
        assert sums == [
            (s.checked.source_sha256, s.checked.target_sha256) for s in home.scopes if s.checked
        ]
        for scope in (SHOP, BLOG):
            assert exported(back, scope) == exported(first, scope)
            assert list(back.kept(scope)) == list(there.kept(scope)) == list(first.kept(scope))
            assert back.counts(scope) == there.counts(scope) == first.counts(scope)
        assert there.scopes() == back.scopes() == [BLOG, SHOP]
        assert there.problems() == back.problems() == []


def many(store: PatternStore) -> None:
    """Patterns enough that a copy takes several transactions."""
    records = [
        Record(
            a_pattern(f"p{n:05}", f"compute series{n}x{n * n} of report{n}"),
            (an_observation(n % 9),),
            a_vector(n % 50),
        )
        for n in range(SIZE)
    ]
    with store.write(Scope()) as writer:
        writer.choose_model(MODEL)
        writer.insert(records, an_event())


def command(source: str, target: str) -> list[str]:
    """How a process copies from one place to another."""
    environment = ["ENGRAMIA_EMBEDDINGS=none", f"ENGRAMIA_COPY_TO_URL={target}"]
    where = ["--path", source]
    if source.startswith("postgresql://"):
        environment, where = [*environment, f"ENGRAMIA_DATABASE_URL={source}"], []
    to = [] if target.startswith("postgresql://") else ["--to", target]
    return ["env", *environment, *ENGRAMIA, *where, "copy", "--yes", *to]


def kill_within(copying: subprocess.Popen[bytes], target: PatternStore, at: int) -> bool:
    """Kill the process once the target has so many patterns; whether it was still at work."""
    while copying.poll() is None and target.live_count(Scope()) < at:
        time.sleep(PAUSE_S)
    copying.send_signal(signal.SIGKILL)
    copying.communicate()
    return copying.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("one", "other"), [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_a_killed_copy_is_finished_by_the_same_command(
    one: str, other: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    places = new_place(one, tmp_path / "one", request), new_place(other, tmp_path / "two", request)
    typed = command(*places)
    with closing(open_at(places[0])) as source, closing(open_at(places[1])) as target:
        many(source)
        halves: list[int] = []
        for at in (1, SIZE // 2):
            copying = subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert kill_within(copying, target, at)
            halves.append(target.live_count(Scope()))
        assert 0 < halves[0] <= halves[1] < SIZE
        assert halves[1] >= SIZE // 2
        done = subprocess.run(typed, capture_output=True, text=True, check=True)
        assert f"{SIZE - halves[1]:,} missing, {halves[1]:,} the same, 0 in conflict" in done.stdout
        assert f"{SIZE:,}, 0 differ" in done.stdout
        (each,) = Copier(source, target).plan([Scope()], target="there").scopes
        assert (each.new, each.unchanged, each.conflicts) == (0, SIZE, 0)
        assert exported(target, Scope()) == exported(source, Scope())
        assert target.counts(Scope()) == source.counts(Scope())
        assert target.problems() == []
