"""``db inspect``: how a database is, in facts, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engramia_core.database.database import Database
    from engramia_core.stores import Server

ENOUGH_RECALL = 0.95
"""Below it a model's index is a problem."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so, and whether it should be."""

    name: str
    text: str
    is_problem: bool = False
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts about one thing."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen. ``figures`` are the rows behind the facts, for programs."""

    place: str
    sections: tuple[Section, ...]
    figures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Fact, ...]:
        """What is wrong."""
        return tuple(fact for each in self.sections for fact in each.facts if fact.is_problem)


def inspect(database: Database, *, sample: int, server: Server | None = None) -> Inspection:
    """Look at everything; nothing is changed. ``sample`` vectors of each model are searched for both ways.

    ``server`` says whether recall is to ask a replica.
    """
    if database.owner_engine.dialect.name == "postgresql":
        from engramia_core.maintenance.inspection_postgres import inspect_postgres

        return inspect_postgres(database, sample=sample, server=server)
    from engramia_core.maintenance.inspection_sqlite import inspect_sqlite

    return inspect_sqlite(database)


def megabytes(size_bytes: int) -> str:
    """A size for people."""
    return f"{size_bytes / 1e6:,.1f} MB"
