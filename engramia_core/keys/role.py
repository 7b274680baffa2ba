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


class Action(StrEnum):
    """What somebody wants to do. All but the last two happen within a scope."""

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


_READER: Final = frozenset({Action.RECALL, Action.LIST, Action.EXPORT})
_EDITOR: Final = _READER | {Action.LEARN, Action.REFINE, Action.DELETE}
_ADMIN: Final = _EDITOR | {Action.KEYS, Action.AGING, Action.IMPORT}
_MAY: Final = {
    Role.READER: _READER,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: _ADMIN,
    Role.OWNER: frozenset(Action),
}


def may(role: Role, action: Action) -> bool:
    """Whether a key of this role may do this, where its scope is the one that is meant."""
    return action in _MAY[role]
