"""Whose memory is meant: always passed, never ambient."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engramia_core.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Scope:
    """One project of one tenant. Everything stored belongs to exactly one scope.

    Both names have 1..64 characters of ``A-Z a-z 0-9 _ . -``, start with a letter or a digit and hold no
    ``..``; otherwise ``InvalidInput``.
    """

    tenant_id: str = "default"
    project_id: str = "default"

    def __post_init__(self) -> None:
        for kind, name in (("tenant", self.tenant_id), ("project", self.project_id)):
            if not _NAME.fullmatch(name) or ".." in name:
                raise InvalidInput(
                    f"{kind} {name!r} is not a valid name",
                    hint="use 1 to 64 letters, digits, '_', '-' or single '.', a letter or digit first",
                )

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.project_id}"
