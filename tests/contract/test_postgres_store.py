from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.stores.postgres import PostgresStore
from engramia_core.testing.contracts.pattern_store import PatternStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.memory.store import PatternStore
    from tests.postgres.server import Server


@pytest.fixture(scope="module")
def database(postgres: Server) -> str:
    return postgres.migrated()


class TestPostgresStore(PatternStoreContract):
    url: str
    opened: list[PostgresStore]

    @pytest.fixture(autouse=True)
    def on_a_server(self, postgres: Server, database: str) -> Iterator[None]:
        self.url = postgres.emptied(database)
        self.opened = []
        yield
        for store in self.opened:
            store.close()

    @override
    def fresh(self, folder: Path) -> PatternStore:
        return self._open(self.url)

    @override
    def reopen(self, store: PatternStore) -> PatternStore:
        store.close()
        return self.second(store)

    @override
    def second(self, store: PatternStore) -> PatternStore:
        assert isinstance(store, PostgresStore)
        return self._open(store.url.render_as_string(hide_password=False))

    def _open(self, url: str) -> PostgresStore:
        self.opened.append(PostgresStore(url))
        return self.opened[-1]
