"""All that the files of a scope hold under a key."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from engramia_core.memory.stored import Kept, Record

if TYPE_CHECKING:
    from engramia_core.stores.json_scope import LoadedScope

_AT = attrgetter("at")


def kept(loaded: LoadedScope, *, after: str, until: str | None) -> list[Kept]:
    """All there is by key; its big parts are the loaded ones, not copies."""
    keys = sorted(loaded.held.keys() | loaded.purged.keys())
    return [_kept(loaded, key) for key in keys if key > after and (until is None or key <= until)]


def _kept(loaded: LoadedScope, key: str) -> Kept:
    held = loaded.held.get(key)
    if held is None:
        return Kept(key, None, tuple(sorted(loaded.purged[key], key=_AT)))
    observations = tuple(sorted(held.observations, key=_AT))
    record = Record(held.pattern, observations, loaded.vector(key))
    return Kept(key, record, tuple(sorted(held.history, key=_AT)))
