"""Migrate in a child process that is killed (-9) at one of its statements, then migrate again; moment after moment.

``python -m tests.migrations.kill_migration DIRECTORY_OR_URL MOMENTS`` goes through every revision, both ways, with
MOMENTS kills each, spread from the first statement to the last, and prints what it found as JSON.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Engine, event

from engramia_core.database import instances
from engramia_core.database.scripts import Scripts, Step
from engramia_core.migration import run
from engramia_core.stores.postgres_engine import parsed_url, postgres_engine
from tests.migrations.places import Place, order, sqlite_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from engramia_core.migration.target import MigrationTarget

_KILLED = -signal.SIGKILL
_LAST = 0.9
"""Up to which part of the statements of a first time: with fewer rows there are fewer questions."""


def at_statement(number: int, act: Callable[[], object]) -> Callable[[], int]:
    """Call ``act`` before the statement of that number that any engine runs; how many there were so far."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    event.listen(Engine, "before_cursor_execute", count)
    return lambda: seen


def move(place: Place, step: Step) -> None:
    """Take the step, with a target of its own."""
    with closing(place.target()) as target:
        moves = run.up if step.is_upgrade else run.down
        moves(target, Scripts(), order(to=step.ends_at))


def in_child(work: Callable[[], None]) -> int:
    """Run in a child process; what killed it as a negative number, or its exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def statements_of(place: Place, step: Step) -> int:
    """How many statements a whole step takes, counted in a child that takes it."""
    reader, writer = os.pipe()

    def work() -> None:
        seen = at_statement(0, lambda: None)
        move(place, step)
        os.write(writer, str(seen()).encode())

    in_child(work)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        return int(told.read())


def killed(place: Place, step: Step, number: int) -> int:
    """Take a step in a child that is killed before a statement."""

    def work() -> None:
        at_statement(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
        move(place, step)

    return in_child(work)


def without_instances(target: MigrationTarget) -> None:
    with target.writing() as connection:
        instances.leave(connection, "i1")


def back(place: Place, step: Step, before: str | None) -> None:
    """Where the step began, whether it was taken or not."""
    if place.revision() == before:
        return
    with closing(place.target()) as target:
        moves = run.down if step.is_upgrade else run.up
        moves(target, Scripts(), order(to=before or "base"))


def killed_and_gone_on(place: Place, step: Step, moments: int) -> tuple[int, list[str]]:
    """Kill a step at some moments and take it again each time; how many were killed, and what went wrong."""
    kills, problems = 0, list[str]()
    before = place.revision()
    place.engine.dispose()
    total = statements_of(place, step)
    for moment in range(moments):
        back(place, step, before)
        place.engine.dispose()
        number = 1 + moment * int(total * _LAST) // (moments - 1)
        if killed(place, step, number) != _KILLED:
            continue  # it was through already
        kills += 1
        if place.revision() == before:
            move(place, step)
        if (place.revision() or "base") != step.ends_at:
            problems.append(f"{step} killed at {number}: it did not go on")
        if step.ends_at == Scripts().head:
            with closing(place.target()) as target:
                problems += target.drift()
    if place.revision() == before:
        move(place, step)
    return kills, problems


def main(where: str, moments: int) -> None:
    """Go through every revision and tell what was found."""
    if where.startswith("postgresql:"):
        place = Place(None, where, postgres_engine(parsed_url(where), as_owner=True, pool_size=1))
    else:
        place = sqlite_place(Path(where))
    place.fill()
    with closing(place.target()) as target:
        without_instances(target)
    scripts = Scripts()
    steps = [*scripts.down(scripts.head, "base"), *scripts.up(None)]
    found = [killed_and_gone_on(place, step, moments) for step in steps]
    place.engine.dispose()
    told = {
        "kills": sum(kills for kills, _ in found),
        "steps": len(steps),
        "problems": [problem for _, problems in found for problem in problems],
    }
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
