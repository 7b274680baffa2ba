"""The access key: who made it, how far it reaches, until when, and its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from engramia_core.errors import InvalidInput
from engramia_core.keys.role import Role
from engramia_core.keys.secret import looks_like_secret
from engramia_core.scope import Scope

MAX_NAME_CHARS = 200
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a secret was last used: a use within a minute of one that was noted is not."""
_MAX_PATTERNS = 2**31 - 1


class State(StrEnum):
    """Whether a key lets anybody in. ``ROTATING`` does: it has more than one secret that holds."""

    ACTIVE = "active"
    ROTATING = "rotating"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Secret:
    """What is known of a secret; ``last_used_at`` is right to a minute.

    It holds until ``valid_until``. With ``quiet_s`` each use moves that moment on; 0 there ends it whatever a clock says.
    """

    ending: str
    created_at: datetime
    valid_until: datetime | None
    quiet_s: int | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An access key as it was at a moment. Without a project it reaches all of its tenant, without a tenant all."""

    key_id: str
    name: str
    role: Role
    tenant_id: str | None
    project_id: str | None
    state: State
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    max_patterns: int | None
    last_used_at: datetime | None
    secrets: tuple[Secret, ...]

    @property
    def reach(self) -> str:
        """The scopes it is for, as text."""
        return f"{self.tenant_id or '*'}/{self.project_id or '*'}"

    @property
    def is_live(self) -> bool:
        """Whether it lets anybody in."""
        return self.state in {State.ACTIVE, State.ROTATING}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a new key is asked for."""

    name: str
    role: Role
    tenant_id: str | None = None
    project_id: str | None = None
    expires_at: datetime | None = None
    max_patterns: int | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A key with a secret that was just made; nobody can show it again."""

    key: Key
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Window:
    """How long the old secrets hold after a rotation; ``is_quiet``: until they were not used for so long."""

    length: timedelta
    is_quiet: bool = False

    def ends(self, now: datetime) -> datetime:
        """When a secret ends that is used no more after ``now``.

        A quiet one has the minute more by which its last use may have been noted too early, so that none ends
        sooner than it was said.
        """
        return now + self.length + (NOTED_EVERY if self.is_quiet else timedelta(0))

    @property
    def quiet_s(self) -> int | None:
        """What is stored for it in ``quiet_s``; a quiet time has whole seconds."""
        if self == AT_ONCE:
            return 0
        return int(self.length.total_seconds()) if self.is_quiet else None


AT_ONCE = Window(timedelta(0))
"""The window of a rotation after a leak."""


def is_over(valid_until: datetime | None, quiet_s: int | None, now: datetime) -> bool:
    """Whether a secret has ended. One that was ended at once has, even where the clock is behind."""
    return quiet_s == 0 or (valid_until is not None and valid_until <= now)


def check_grant(grant: Grant, now: datetime) -> Grant:
    """``grant``, if a key may be made of it; else ``InvalidInput`` naming what is wrong."""
    _check_name(grant.name)
    if grant.tenant_id is None and grant.project_id is not None:
        raise InvalidInput("a key for a project needs a tenant")
    Scope(grant.tenant_id or "default", grant.project_id or "default")
    if grant.role is Role.OWNER and grant.tenant_id is not None:
        raise InvalidInput(
            "an owner's key is for every tenant",
            hint="say so: --all-tenants; or choose --role admin",
        )
    if grant.role is not Role.OWNER and grant.tenant_id is None:
        raise InvalidInput(
            f"a key for every tenant is an owner's, not of role {grant.role}",
            hint="name a tenant: --tenant NAME",
        )
    if grant.expires_at is not None and grant.expires_at <= now:
        raise InvalidInput(f"{grant.expires_at:%Y-%m-%d %H:%M} UTC is over")
    if grant.max_patterns is not None and not 1 <= grant.max_patterns <= _MAX_PATTERNS:
        raise InvalidInput(f"max_patterns {grant.max_patterns} is not from 1 to {_MAX_PATTERNS:,}")
    return grant


def _check_name(name: str) -> None:
    if looks_like_secret(name):
        raise InvalidInput("a name must not hold a secret", hint="names are shown to everybody")
    if not (1 <= len(name) <= MAX_NAME_CHARS and name.isprintable() and name == name.strip()):
        raise InvalidInput(
            f"{name!r} cannot be a key's name",
            hint=f"1 to {MAX_NAME_CHARS} printable characters, no space around them",
        )
