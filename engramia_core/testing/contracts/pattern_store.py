"""The promises of ``memory/store.py``, as tests that every store inherits."""

from __future__ import annotations

from engramia_core.testing.contracts.apart import ApartContract
from engramia_core.testing.contracts.comparing import ComparingContract
from engramia_core.testing.contracts.keeping import KeepingContract
from engramia_core.testing.contracts.listing import ListingContract
from engramia_core.testing.contracts.searching import SearchingContract
from engramia_core.testing.contracts.taking_over import TakingOverContract
from engramia_core.testing.contracts.transactions import TransactionContract


class PatternStoreContract(
    KeepingContract,
    ListingContract,
    SearchingContract,
    ComparingContract,
    TransactionContract,
    TakingOverContract,
    ApartContract,
):
    """Inherit from it as ``Test…`` and override ``fresh``, ``reopen`` and ``second`` of ``StoreCase``."""
