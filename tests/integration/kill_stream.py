"""Learn in a child process, kill it at a random moment, look at what is left; round after round on one memory.

``python -m tests.integration.kill_stream PLACE ROUNDS SEED`` prints what it found as JSON.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

import orjson

from engramia_core.library import Memory
from engramia_core.memory.filters import Filters
from engramia_core.scope import Scope
from engramia_core.testing.embeddings import HashEmbeddings
from tests.integration.places import open_at

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

_LONGEST_S = 0.12
_SAME = 0.999


def learn_forever(place: str, round_number: int, acknowledged: int) -> None:
    """Learn pattern after pattern; the number of each is written once ``learn`` has returned."""
    memory = Memory(open_at(place), HashEmbeddings())
    number = 0
    while True:
        learned = memory.learn(task_of(round_number, number), f"print({number})\n", 8.0)
        os.write(acknowledged, f"{number} {learned.key}\n".encode())
        number += 1


def task_of(round_number: int, number: int) -> str:
    """A task unlike any other."""
    return f"compute round{round_number}x{number} of series{number}y{round_number} and store it as result{number}z{round_number}"


def killed_round(place: str, round_number: int, wait_s: float) -> list[tuple[int, str]]:
    """What a child had acknowledged when it was killed ``wait_s`` after its first acknowledgement."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        learn_forever(place, round_number, writer)
    os.close(writer)
    said = os.read(reader, 4096)
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as rest:
        said += rest.read()
    lines = (line.split() for line in said.decode().splitlines() if line)
    return [(int(number), key) for number, key in lines]


def lost(store: PatternStore, round_number: int, said: list[tuple[int, str]]) -> list[str]:
    """The acknowledged patterns of a round that are not there, or not found by their task's vector."""
    scope, embeddings = Scope(), HashEmbeddings()
    stored = store.get(scope, [key for _, key in said])
    missing = []
    for number, key in said:
        (vector,) = embeddings.embed([task_of(round_number, number)])
        found = store.nearest(scope, vector, filters=Filters(), limit=50)
        same = [k for k, near in zip(found.keys, found.similarity, strict=True) if near > _SAME]
        if key not in stored or key not in same:
            missing.append(key)
    return missing


def main(place: str, rounds: int, seed: int) -> None:
    """Run the rounds and tell what was found."""
    chosen = random.Random(seed)  # noqa: S311 -- moments to kill at
    acknowledged = 0
    missing: list[str] = []
    problems: list[str] = []
    for round_number in range(rounds):
        said = killed_round(place, round_number, chosen.uniform(0, _LONGEST_S))
        acknowledged += len(said)
        store = open_at(place)
        missing += lost(store, round_number, said)
        problems += store.problems()
        store.close()
    told = {
        "rounds": rounds,
        "acknowledged": acknowledged,
        "lost": missing,
        "problems": problems,
    }
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
