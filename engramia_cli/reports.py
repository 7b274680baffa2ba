"""What commands answer that no core function returns whole; ``--output json`` writes it as it stands here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engramia_core.audit.record import AuditRecord
    from engramia_core.keys.key import Key
    from engramia_core.memory.pattern import Observation, Pattern
    from engramia_core.memory.stored import AgingRun, Counts, EmbeddingModel
    from engramia_core.scope import Scope


@dataclass(frozen=True, slots=True)
class MemoryMade:
    """Where a memory is, and whether it was made just now."""

    path: str
    storage: str
    schema: str
    created: bool
    """Whether it is new; an old one was brought to this version's schema."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the memory holds."""

    path: str
    storage: str
    schema: str
    scope: Scope
    model: EmbeddingModel | None
    """The model that the scope is searched by; none before a first vector."""
    counts: Counts
    last_aging: AgingRun | None
    """The newest run that changed something."""


@dataclass(frozen=True, slots=True)
class PatternPage:
    """Some of the patterns, newest first."""

    patterns: list[Pattern]
    has_more: bool
    """Whether more come after the last; ``--after KEY`` goes on there."""


@dataclass(frozen=True, slots=True)
class WholePattern:
    """A pattern with what was observed of it."""

    pattern: Pattern
    observations: list[Observation]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that an export was written to; on stdout it is NDJSON instead."""

    file: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some of the audit trail, newest first."""

    records: list[AuditRecord]
    """The newest first."""
    has_more: bool
    """Whether there are older ones."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """An access key with the secret that was just made for it."""

    key: Key
    """The key."""
    secret: str | None = field(repr=False)
    """What its client needs, shown this once; ``null`` when it is in a file."""
    secret_file: str | None
    """The file that it is in."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting's value and where it came from."""

    name: str
    value: str
    """A secret shows its last four characters at most."""
    origin: str
    """``flag``, a variable, a file, or ``default``."""
    variable: str
    """The environment variable that sets it."""
