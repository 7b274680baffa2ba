"""Run a command in a child process, kill it at a random moment, look at what is left, run the same command again.

``python -m tests.integration.kill_command SCENARIO DIRECTORY STORAGE SIZE SEED`` prints what it found as JSON.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from engramia_cli.app import app
from engramia_cli.context import CliContext
from engramia_core.library import Memory
from engramia_core.memory.pattern import copy_key
from engramia_core.memory.stored import Record
from engramia_core.scope import Scope
from engramia_core.stores import create_store, open_store
from engramia_core.testing.builders import START, a_pattern, an_event
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable


SCOPE = Scope()
ROUNDS = 3
FAR = START.replace(year=2100)


@dataclass
class Place:
    """Where commands are run and killed, and what was found."""

    home: Path
    storage: str
    size: int
    """How many patterns the memories have."""
    moments: random.Random
    killed: int = 0
    wrong: list[str] = field(default_factory=list)

    def made(self, name: str, records: list[Record]) -> Path:
        """A memory of its own with ``records`` in it."""
        store = create_store(self.home / name, self.storage)
        with closing(store), store.write(SCOPE) as writer:
            writer.insert(records, an_event())
        return self.home / name

    def expect(self, what: str, *, is_so: bool) -> None:
        """Note what is not as it must be."""
        if not is_so:
            self.wrong.append(f"after {self.killed} kills: {what}")

    def finished(self, *arguments: str) -> float:
        """Run a command to its end; how long it took."""
        began = time.monotonic()
        self.expect(f"{arguments} failed", is_so=os.waitpid(_child(arguments), 0)[1] == 0)
        return time.monotonic() - began

    def cut_short(self, within_s: float, *arguments: str) -> bool:
        """Kill a command at a random moment of ``within_s``; whether it was still running."""
        child = _child(arguments)
        time.sleep(self.moments.uniform(0, within_s))
        os.kill(child, signal.SIGKILL)
        is_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        self.killed += is_killed
        return is_killed


def _child(arguments: tuple[str, ...]) -> int:
    """A process that runs ``engramia *arguments``, already loaded, with embeddings of hashed words."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            context = CliContext(environment={}, provider_of=lambda _: HashEmbeddings())
            app(list(arguments), obj=context, prog_name="engramia")
        except SystemExit as end:
            os._exit(int(end.code or 0))
        os._exit(1)
    return child


def records(size: int, code: str, *, expired: int = 0) -> list[Record]:
    """Patterns, the first of them expired."""
    patterns = (
        a_pattern(f"p{n:05}", f"compute series{n}x{n * n} of report{n}", code=code, prune_after=FAR)
        for n in range(size)
    )
    return [
        Record(replace(pattern, prune_after=START) if n < expired else pattern)
        for n, pattern in enumerate(patterns)
    ]


def importing(place: Place) -> None:
    """A killed import under new keys goes on, and brings one copy of each."""
    source = place.made("source", records(place.size, "after"))
    target = place.made("target", records(place.size, "before"))
    file = place.home / "memory.ndjson"
    place.finished("--path", str(source), "export", "--file", str(file))
    shutil.copytree(target, place.home / "reference")
    command = ("import", str(file), "--on-conflict", "new-key", "--path")
    within_s = place.finished(*command, str(place.home / "reference"))
    for _ in range(ROUNDS):
        place.cut_short(within_s, *command, str(target))
        place.expect("the memory is damaged", is_so=not _problems(target))
    place.finished(*command, str(target))
    sha256 = orjson.loads(file.read_bytes().splitlines()[-1])["sha256"]
    wanted = {record.pattern.key: "before" for record in records(place.size, "")}
    wanted |= {copy_key(record.pattern, sha256): "after" for record in records(place.size, "")}
    with closing(open_store(target)) as store:
        found = [r.pattern for r in store.records(SCOPE, with_vectors=False)]
    place.expect("not one copy of each", is_so={p.key: p.code for p in found} == wanted)


def aging(place: Place) -> None:
    """A killed run of aging loses nothing: each pattern is live or in the trash of a recorded run."""
    expired = place.size * 2 // 3
    whole = place.made("whole", records(place.size, "pass", expired=expired))
    command = ("aging", "--max-prune-percent", "100", "--path")
    shutil.copytree(whole, place.home / "reference")
    within_s = place.finished(*command, str(place.home / "reference"))
    for number in range(ROUNDS):
        memory = place.home / str(number)
        shutil.copytree(whole, memory)
        place.cut_short(within_s, *command, str(memory))
        _expect_aged(place, memory, {0, expired})
        place.finished(*command, str(memory))
        run = _expect_aged(place, memory, {expired})
        place.finished("aging", "undo", run, "--path", str(memory))
        with closing(Memory(open_store(memory), None)) as opened:
            counts = opened.metrics()
        place.expect("undo lost some", is_so=(counts.live, counts.trashed) == (place.size, 0))


def _expect_aged(place: Place, memory: Path, pruned: set[int]) -> str:
    """Expect so many in the trash of a run, and all others live; the run."""
    with closing(open_store(memory)) as store:
        place.expect("the memory is damaged", is_so=not store.problems())
        runs = {run.run: run.pruned for run in store.aging_runs(SCOPE)}
        trashed = [(p.key, p.trashed.run) for p in store.in_trash(SCOPE) if p.trashed]
        live = [record.pattern.key for record in store.records(SCOPE, with_vectors=False)]
    keys = sorted([*live, *(key for key, _ in trashed)])
    place.expect("patterns are lost", is_so=keys == [f"p{n:05}" for n in range(place.size)])
    place.expect("half a run", is_so=len(trashed) in pruned and sum(runs.values()) == len(trashed))
    place.expect("an unknown run", is_so={run for _, run in trashed} == set(runs))
    return next(iter(runs), "none")


def exporting(place: Place) -> None:
    """Under an export's name there is the old file or the new one, whole."""
    memory = place.made("memory", records(place.size, "x" * 5_000))
    file = place.home / "memory.ndjson"
    command = ("export", "--path", str(memory), "--file", str(file))
    within_s = place.finished(*command)
    new, old = file.read_bytes(), b"what was there before\n"
    for _ in range(ROUNDS * 2):
        file.write_bytes(old)
        is_killed = place.cut_short(within_s, *command)
        found = file.read_bytes()
        place.expect("half a file", is_so=found in ([old, new] if is_killed else [new]))
    place.finished(*command)
    place.expect("the next export is another", is_so=file.read_bytes() == new)


def _problems(memory: Path) -> list[str]:
    with closing(open_store(memory)) as store:
        return store.problems()


SCENARIOS: dict[str, Callable[[Place], None]] = {
    "import": importing,
    "aging": aging,
    "export": exporting,
}


def main(scenario: str, home: Path, storage: str, size: int, seed: int) -> None:
    """Play a scenario and tell what was found."""
    place = Place(home, storage, size, random.Random(seed))  # noqa: S311 -- moments to kill at
    SCENARIOS[scenario](place)
    sys.stdout.buffer.write(orjson.dumps({"killed": place.killed, "wrong": place.wrong}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
