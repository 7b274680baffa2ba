"""What a filter lets pass, as conditions on the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from engramia_core.database import tables as t
from engramia_core.memory.pattern import UNRATED_SCORE
from engramia_core.stores.relational.rows import in_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from engramia_core.memory.filters import Filters
    from engramia_core.scope import Scope


def passing(filters: Filters) -> list[ColumnElement[bool]]:
    """``Filters.rejects`` as conditions on ``engramia_data``."""
    conditions: list[ColumnElement[bool]] = []
    if filters.min_score is not None:
        quality = func.coalesce(t.patterns.c.quality, UNRATED_SCORE)
        conditions.append(quality >= filters.min_score)
    if filters.classification is not None:
        conditions.append(t.patterns.c.classification == filters.classification.value)
    if filters.source is not None:
        conditions.append(t.patterns.c.source == filters.source.value)
    conditions.extend(
        select(t.skills.c.key)
        .where(
            t.skills.c.tenant_id == t.patterns.c.tenant_id,
            t.skills.c.project_id == t.patterns.c.project_id,
            t.skills.c.key == t.patterns.c.key,
            t.skills.c.skill == skill,
        )
        .exists()
        for skill in filters.skills
    )
    return conditions


def keys_with_skills(connection: Connection, scope: Scope, skills: Sequence[str]) -> set[str]:
    """The keys of the patterns, live or not, that have every one of ``skills``."""
    wanted = set(skills)
    statement = (
        select(t.skills.c.key)
        .where(in_scope(t.skills, scope), t.skills.c.skill.in_(wanted))
        .group_by(t.skills.c.key)
        .having(func.count() == len(wanted))
    )
    return set(connection.execute(statement).scalars())
