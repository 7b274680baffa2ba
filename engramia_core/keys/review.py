"""What is wrong with the keys there are: used too little, reaching too far, ending soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from engramia_core.keys.key import State
from engramia_core.keys.role import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from engramia_core.keys.key import Key

STALE_AFTER = timedelta(days=90)
UNUSED_AFTER = timedelta(days=7)
"""How long a new key may wait for its first use."""
IDLE_OWNER_AFTER = timedelta(days=30)
EXPIRES_WITHIN = timedelta(days=14)
MAX_OWNERS = 2


@dataclass(frozen=True, slots=True)
class Concern:
    """What is wrong with a key, and what to type."""

    key_id: str
    name: str
    check: str
    text: str
    remedy: str


def review(keys: Sequence[Key], now: datetime) -> tuple[Concern, ...]:
    """What is wrong with ``keys`` as they are at ``now``, key by key in their order. Those revoked are past all worry."""
    owners = sum(key.role is Role.OWNER for key in keys if key.is_live)
    return tuple(
        concern for key in keys for concern in (*_of_one(key, now), *_too_many(key, owners))
    )


def _of_one(key: Key, now: datetime) -> Iterator[Concern]:
    if key.state is State.EXPIRED:
        text = f"expired on {key.expires_at:%Y-%m-%d}, but not revoked"
        yield _concern(key, "expired", text, f"engramia keys revoke {key.key_id}")
    if key.is_live:
        for check in _CHECKS:
            yield from check(key, now)


def _unused(key: Key, now: datetime) -> Iterator[Concern]:
    """Never used, or not for long; an owner's key sooner, as it opens everything."""
    revoke = f"engramia keys revoke {key.key_id}"
    if key.last_used_at is None:
        if now - key.created_at >= UNUSED_AFTER:
            text = f"never used since it was made on {key.created_at:%Y-%m-%d}"
            yield _concern(key, "unused", text, revoke)
        return
    idle = now - key.last_used_at
    text = f"not used for {idle.days} days"
    if idle > STALE_AFTER:
        yield _concern(key, "stale", text, revoke)
    elif key.role is Role.OWNER and idle > IDLE_OWNER_AFTER:
        text += ", and may do everything"
        yield _concern(key, "over-scoped", text, revoke)


def _ending(key: Key, now: datetime) -> Iterator[Concern]:
    if key.expires_at is not None and key.expires_at - now <= EXPIRES_WITHIN:
        text = f"expires on {key.expires_at:%Y-%m-%d %H:%M} UTC; a rotation does not change that"
        remedy = f"engramia keys create --name NAME --role {key.role}"
        yield _concern(key, "expiring", text, remedy)


_CHECKS: tuple[Callable[[Key, datetime], Iterator[Concern]], ...] = (_unused, _ending)


def _too_many(key: Key, owners: int) -> Iterator[Concern]:
    if owners > MAX_OWNERS and key.is_live and key.role is Role.OWNER:
        text = f"one of {owners} owner's keys, each of which may do everything; {MAX_OWNERS} are enough"
        remedy = "engramia keys create --role admin --all-projects --name NAME"
        yield _concern(key, "over-scoped", text, remedy)


def _concern(key: Key, check: str, text: str, remedy: str) -> Concern:
    return Concern(key.key_id, key.name, check, text, remedy)
