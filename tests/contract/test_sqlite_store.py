from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.contracts.pattern_store import PatternStoreContract

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.store import PatternStore


class TestSQLiteStore(PatternStoreContract):
    @override
    def fresh(self, folder: Path) -> PatternStore:
        return SQLiteStore.create(folder)

    @override
    def reopen(self, store: PatternStore) -> PatternStore:
        store.close()
        return self.second(store)

    @override
    def second(self, store: PatternStore) -> PatternStore:
        assert isinstance(store, SQLiteStore)
        return SQLiteStore(store.directory)
