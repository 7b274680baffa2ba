"""``db index`` and ``db reindex-index``: what each model's index needs, and doing it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engramia_core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from engramia_core.database.database import Database
    from engramia_core.stores.postgres_build import Build, Progress
    from engramia_core.stores.postgres_index import ModelIndex


@dataclass(frozen=True, slots=True)
class IndexStep:
    """A model's index, and what is to be done with it or was done."""

    model_id: str
    dimensions: int
    index: str
    vectors: int
    state: str
    """Before anything was done."""
    action: str
    """``build``, ``rebuild`` or ``none``."""
    memory_mb: int
    """What the build takes, about; with less it is several times slower."""
    seconds: float | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return self.action != "none"


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The indexes of the models in use."""

    planned: bool
    indexes: tuple[IndexStep, ...]

    @property
    def is_needed(self) -> bool:
        """Whether any of them is to be built."""
        return any(step.is_needed for step in self.indexes)


def plan_indexes(
    database: Database, *, model_id: str | None = None, rebuild: bool = False
) -> IndexReport:
    """The indexes that are missing or invalid and to be built, or with ``rebuild`` those that are there, to be made anew.

    Of a model that is named also the one that no scope is large enough for. ``Refused`` on SQLite, and to a login
    that does not own the tables; ``NotFound`` for a model that is not in use.
    """
    on_postgres(database, "an index")
    from engramia_core.stores.postgres_index import chosen, indexes

    with database.everything() as connection:
        check_owner(connection, database.place)
        known = chosen(indexes(connection), model_id)
    is_named = model_id is not None
    return IndexReport(
        True, tuple(_step(each, rebuild=rebuild, is_named=is_named) for each in known)
    )


def run_indexes(
    database: Database,
    report: IndexReport,
    *,
    owner: str,
    now: datetime,
    settings: Build,
    progress: Callable[[Progress], None] = lambda _: None,
) -> IndexReport:
    """Do what was planned; ``Busy`` when another build is under way."""
    from engramia_core.stores import postgres_build as building
    from engramia_core.stores.postgres_engine import translated
    from engramia_core.stores.postgres_index import indexes

    if not report.is_needed:
        return replace(report, planned=False)
    engine, done = database.owner_engine, []
    with translated(database.place), building.alone(engine, owner=owner, now=now):
        with database.everything() as connection:
            known = {each.name: each for each in indexes(connection)}
        for step in report.indexes:
            if not step.is_needed or step.index not in known:
                done.append(step)
                continue
            make = building.rebuild if step.action == "rebuild" else building.build
            seconds = make(engine, known[step.index], settings=settings, progress=progress)
            done.append(replace(step, seconds=round(seconds, 1)))
    return IndexReport(False, tuple(done))


def _step(each: ModelIndex, *, rebuild: bool, is_named: bool) -> IndexStep:
    from engramia_core.stores.postgres_index import IndexState

    buildable = {IndexState.MISSING, IndexState.INVALID, IndexState.BUILDING}
    if is_named:
        buildable.add(IndexState.NOT_NEEDED)
    if rebuild:
        action = "rebuild" if each.state is IndexState.VALID else "none"
    else:
        action = "build" if each.state in buildable else "none"
    return IndexStep(
        each.model_id,
        each.dimensions,
        each.name,
        each.vectors,
        each.state.value,
        action,
        each.memory_mb,
    )


def on_postgres(database: Database, what: str) -> None:
    """``Refused`` for a database that is a file."""
    if database.owner_engine.dialect.name != "postgresql":
        raise Refused(
            f"the memory in {database.place!r} has no use for {what}: SQLite's vectors are searched"
            " exactly, from memory",
            hint="it is for storage postgres",
        )


def check_owner(connection: Connection, place: str) -> None:
    """``Refused`` to a login that does not own the tables."""
    from engramia_core.stores.postgres_index import is_owner

    if not is_owner(connection):
        raise Refused(
            f"{place}: this login does not own the tables",
            hint="set ENGRAMIA_DATABASE_URL to a login that does, the one that ran: engramia migrate up",
        )
