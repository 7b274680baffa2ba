"""The promises of ``memory/store.py``, as tests that every store inherits."""

from __future__ import annotations

from engramia_core.testing.contracts.keeping import KeepingContract
from engramia_core.testing.contracts.searching import SearchingContract
from engramia_core.testing.contracts.transactions import TransactionContract


class PatternStoreContract(KeepingContract, SearchingContract, TransactionContract):
    """Inherit from it as ``Test…`` and override ``fresh``, ``reopen`` and ``second`` of ``StoreCase``."""
