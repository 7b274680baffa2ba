"""Who did what to what, and how it ended: records that cannot be changed without being found out."""

from engramia_core.audit.chain import NO_HASH, append, chain_of, take_turn
from engramia_core.audit.record import Actor, AuditRecord, Entry, Outcome, Via, record_hash

__all__ = [
    "NO_HASH",
    "Actor",
    "AuditRecord",
    "Entry",
    "Outcome",
    "Via",
    "append",
    "chain_of",
    "record_hash",
    "take_turn",
]
