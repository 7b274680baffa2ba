"""What a copy says of itself: before, as a plan, and afterwards, with both sides compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engramia_core.memory.stored import EmbeddingModel
    from engramia_core.scope import Scope


class CopyConflict(StrEnum):
    """What a copy does with what the target has under the same key, but otherwise."""

    FAIL = "fail"
    SKIP = "skip"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Checked:
    """Both sides after a copy, read again."""

    compared: int
    """Patterns, issues and runs; what was skipped is not among them."""
    source_sha256: str
    """Over all of them, in the order of their keys."""
    target_sha256: str
    """Over what the target has under the same keys."""
    differing: int
    """How many the target has otherwise, or not at all."""
    first_differing: tuple[str, ...]
    """The keys of the first of them."""


@dataclass(frozen=True, slots=True)
class ScopeCopy:
    """What there is to copy of a scope, and how the target stood to it before the copy."""

    scope: Scope
    model: EmbeddingModel | None
    """The model that the scope is searched by in the source."""
    target_model: EmbeddingModel | None
    """The model that it was searched by in the target."""
    live: int
    trashed: int
    """Patterns in the trash."""
    purged: int
    """Patterns of which only the history is left."""
    observations: int
    """Observations of all patterns."""
    events: int
    """Lines of history."""
    vectors: int
    """Vectors of the model, of live patterns and those in the trash."""
    issues: int
    """Issues, whether recurring or not."""
    runs: int
    """Runs of aging."""
    size_bytes: int
    """All of it, as it is compared."""
    new: int
    """Patterns, issues and runs that the target does not have."""
    unchanged: int
    """Those that it has, the same."""
    conflicts: int
    """Those that it has otherwise."""
    first_conflicts: tuple[str, ...]
    """The keys of the first of them."""
    checked: Checked | None = None
    """The comparison afterwards; none of a plan."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did, or with ``planned`` would do."""

    planned: bool
    source: str
    """Where the memory lies, without a secret."""
    target: str
    """Where it is copied to, without a secret."""
    scopes: tuple[ScopeCopy, ...]
    """Those that hold anything."""
