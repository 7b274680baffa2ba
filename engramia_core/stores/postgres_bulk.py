"""After bulk work: build the index that searches now need, if this login may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.errors import EngramiaError
from engramia_core.stores import postgres_build
from engramia_core.stores.postgres_engine import postgres_engine, translated
from engramia_core.stores.postgres_index import indexes, is_owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import URL

    from engramia_core.memory.stored import EmbeddingModel

_TO_DO = "searches get slower as the memory grows until its index is built: engramia db index"


def build_after_bulk(
    url: URL,
    model: EmbeddingModel,
    place: str,
    *,
    owner: str,
    now: datetime,
    progress: Callable[[int], None],
) -> str | None:
    """Build the model's index; a sentence where it was not built. What was loaded before is stored all the same."""
    engine = postgres_engine(url, as_owner=True, pool_size=1)
    try:
        with translated(place):
            with engine.connect() as connection:
                if not is_owner(connection):
                    return f"{_TO_DO} (as the login that owns the tables)"
                found = indexes(connection, model.model_id)
                (mine,) = (each for each in found if each.model == model)
            with postgres_build.alone(engine, owner=owner, now=now):
                postgres_build.build(engine, mine, progress=lambda step: progress(step.done))
    except EngramiaError as error:
        return f"the index was not built: {error.message}; {_TO_DO}"
    finally:
        engine.dispose()
    return None
