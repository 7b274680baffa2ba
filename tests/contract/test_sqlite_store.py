from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.contracts.pattern_store import PatternStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.memory.store import PatternStore


class TestSQLiteStore(PatternStoreContract):
    opened: list[SQLiteStore]

    @pytest.fixture(autouse=True)
    def closed_at_the_end(self) -> Iterator[None]:
        self.opened = []
        yield
        for store in self.opened:
            store.close()

    @override
    def fresh(self, folder: Path) -> PatternStore:
        self.opened.append(SQLiteStore.create(folder))
        return self.opened[-1]

    @override
    def reopen(self, store: PatternStore) -> PatternStore:
        store.close()
        return self.second(store)

    @override
    def second(self, store: PatternStore) -> PatternStore:
        assert isinstance(store, SQLiteStore)
        self.opened.append(SQLiteStore(store.directory))
        return self.opened[-1]
