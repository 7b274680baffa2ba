"""What a key may do: four roles, each of which may do all that the one before it may."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a key is for, from least to most."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"


class Right(StrEnum):
    """The right to do something. All but the last two are for a scope."""

    RECALL = "recall"
    LIST = "list"
    EXPORT = "export"
    LEARN = "learn"
    REFINE = "refine"
    DELETE = "delete"
    KEYS = "keys"
    AGING = "aging"
    IMPORT = "import"
    TENANTS = "tenants"
    OPERATE = "operate"


_READER: Final = frozenset({Right.RECALL, Right.LIST, Right.EXPORT})
_EDITOR: Final = _READER | {Right.LEARN, Right.REFINE, Right.DELETE}
_ADMIN: Final = _EDITOR | {Right.KEYS, Right.AGING, Right.IMPORT}
_MAY: Final = {
    Role.READER: _READER,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: _ADMIN,
    Role.OWNER: frozenset(Right),
}


def may(role: Role, right: Right) -> bool:
    """Whether a key of this role may do this, where its scope is the one that is meant."""
    return right in _MAY[role]


def may_all(role: Role, other: Role) -> bool:
    """Whether a key of this role may do all that one of the other role may."""
    return _MAY[other] <= _MAY[role]
