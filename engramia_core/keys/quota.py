"""How much a key may learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.errors import Refused

if TYPE_CHECKING:
    from engramia_core.keys.authenticate import Identity


def check_quota(identity: Identity, *, live: int, added: int) -> None:
    """``Refused`` when a scope of ``live`` patterns would, with those ``added``, have more than the key may fill it to.

    Adding nothing is never refused, even in a scope that others filled beyond the limit.
    """
    most = identity.max_patterns
    if most is None or added <= 0 or live + added <= most:
        return
    raise Refused(
        f"key {identity.key_id} may fill a scope up to {most:,} live patterns:"
        f" there are {live:,}, and {added:,} more were to be learned",
        hint="delete patterns that are no longer needed, or ask for a key with a higher limit:"
        " engramia keys create --max-patterns N",
    )
