from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.migrations.places import Place, postgres_place, sqlite_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database."""
    made = (
        sqlite_place(tmp_path / "memory")
        if request.param == "sqlite"
        else postgres_place(request.getfixturevalue("postgres"))
    )
    yield made
    made.engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A memory with a row in every table."""
    made = (
        sqlite_place(tmp_path / "memory")
        if request.param == "sqlite"
        else postgres_place(request.getfixturevalue("postgres"), is_migrated=True)
    )
    made.fill()
    yield made
    made.engine.dispose()
