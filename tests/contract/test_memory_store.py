from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from engramia_core.testing.contracts.pattern_store import PatternStoreContract
from engramia_core.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.store import PatternStore


class TestMemoryStore(PatternStoreContract):
    @override
    def fresh(self, folder: Path) -> PatternStore:
        return MemoryStore()
