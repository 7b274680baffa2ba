from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from engramia_core.stores.sqlite import SQLiteStore
from tests.cli.operator import Operator
from tests.cli.seed import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the small memory; copied, because migrating takes a while."""
    folder = tmp_path_factory.mktemp("seeded") / "engramia_data"
    with closing(SQLiteStore.create(folder)) as store:
        fill(store)
    return folder


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """Somebody in an empty directory."""
    monkeypatch.chdir(tmp_path)
    somebody = Operator(tmp_path)
    yield somebody
    for memory in somebody.looked_into:
        memory.close()


@pytest.fixture
def operator(newcomer: Operator, seeded: Path) -> Operator:
    """Somebody in a directory with the small memory, on the default path."""
    shutil.copytree(seeded, newcomer.home / "engramia_data")
    return newcomer
