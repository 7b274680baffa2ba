"""What a migration would do: each revision, its statements, the tables they lock, and how large those are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from engramia_core.database import revisions
from engramia_core.migration.lock_rules import Effect, dropped_index, effect
from engramia_core.migration.sizes import Loss, Size, losses, sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from engramia_core.database.scripts import Scripts, Step


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """A statement, what it does to a table, and the table's size if it is there now."""

    sql: str
    effect: Effect
    size: Size | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A revision that would be applied or taken back.

    ``is_known`` is false for one that looks at the database first, so that its statements cannot be told.
    """

    revision: str
    direction: str
    phase: str
    title: str
    is_known: bool
    statements: tuple[PlannedStatement, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The steps from the revision that a database has to another."""

    place: str
    current: str | None
    target: str | None
    steps: tuple[PlannedStep, ...]

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What all steps together would delete."""
        return tuple(loss for step in self.steps for loss in step.losses)


def build_plan(
    connection: Connection, scripts: Scripts, steps: Sequence[Step], *, place: str
) -> MigrationPlan:
    """What taking these steps would do; nothing is run but questions."""
    current = revisions.current(connection)
    planned = tuple(_planned(connection, scripts, step) for step in steps)
    return MigrationPlan(place, current, steps[-1].ends_at if steps else current, planned)


def _planned(connection: Connection, scripts: Scripts, step: Step) -> PlannedStep:
    dialect = connection.dialect.name
    texts = scripts.sql(step, dialect)
    effects = [_effect(connection, text, dialect) for text in texts]
    known = sizes(connection, (each.table for each in effects if each.table))
    return PlannedStep(
        step.revision.revision,
        "up" if step.is_upgrade else "down",
        step.revision.phase,
        step.revision.title,
        bool(texts),
        tuple(
            PlannedStatement(text, each, known.get(each.table or ""))
            for text, each in zip(texts, effects, strict=True)
        ),
        losses(connection, texts),
    )


def _effect(connection: Connection, text: str, dialect: str) -> Effect:
    """What a statement does; the table of an index that it drops is looked up."""
    found = effect(text, dialect)
    index = dropped_index(text)
    if index is None:
        return found
    look = inspect(connection)
    tables = (
        name
        for name in look.get_table_names()
        if index in {each["name"] for each in look.get_indexes(name)}
    )
    return Effect(next(tables, None), found.lock, found.rewrites, found.scans)
