"""What can go wrong on purpose, as a tree.

EngramiaError
├── InvalidInput    wrong usage, value or setting
├── NotFound        no such pattern, run, file or memory
├── Refused         not in this state: locked, exists already, needs --yes
│   └── Busy        somebody else is doing the same thing right now
├── Unauthorized    no access key that holds
├── Unavailable     a system we need did not answer
└── Incomplete      a part was done, a part was not

Every error carries the value it is about and, as ``hint``, the next thing to type. The exit code of each
is in ``engramia_cli/exits.py``; a test fails until every class here has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class EngramiaError(Exception):
    """An error raised on purpose: what failed, with the value, and the next thing to type."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(EngramiaError):
    """The usage, a value or a setting is wrong; trying again unchanged will not help."""


class NotFound(EngramiaError):
    """The thing that was named does not exist."""


class Refused(EngramiaError):
    """The thing exists, but its state forbids what was asked."""


class Busy(Refused):
    """Another process holds the operation's lock; ``owner``, ``since`` and ``reason`` say who, since when and why."""

    def __init__(self, operation: str, *, owner: str, since: datetime, reason: str = "") -> None:
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"{operation} is already running: {owner} since"
            f" {since.isoformat(timespec='seconds')}{why}"
        )
        self.operation = operation
        self.owner = owner
        self.since = since
        self.reason = reason


class Unauthorized(EngramiaError):
    """The access key does not let anybody in. Why is for our own log: ``reason`` is not for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__("the access key is not valid")
        self.reason = reason


class Unavailable(EngramiaError):
    """A system that is needed did not answer or failed; trying again later may help."""


class Incomplete(EngramiaError):
    """A part was done and is kept, a part was not; the message says which."""
