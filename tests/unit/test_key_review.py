from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from engramia_core.keys.key import Key, State
from engramia_core.keys.review import review
from engramia_core.keys.role import Role
from engramia_core.testing.builders import START, days

if TYPE_CHECKING:
    from datetime import datetime

NOW = days(400)
SECOND = timedelta(seconds=1)
KEY = Key(
    key_id="k", name="agent", role=Role.EDITOR, tenant_id="acme", project_id="web",
    state=State.ACTIVE, created_at=START, created_by="me", expires_at=None, revoked_at=None,
    max_patterns=None, last_used_at=NOW, secrets=(),
)  # fmt: skip
OWNER = replace(KEY, role=Role.OWNER, tenant_id=None, project_id=None)


def checks(key: Key, now: datetime = NOW) -> list[str]:
    return [concern.check for concern in review([key], now)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"last_used_at": NOW - timedelta(days=90)}, []),
        ({"last_used_at": NOW - timedelta(days=90) - SECOND}, ["stale"]),
        ({"last_used_at": None}, ["unused"]),
        ({"last_used_at": None, "created_at": NOW - timedelta(days=7)}, ["unused"]),
        ({"last_used_at": None, "created_at": NOW - timedelta(days=7) + SECOND}, []),
        ({"expires_at": NOW + timedelta(days=14)}, ["expiring"]),
        ({"expires_at": NOW + timedelta(days=14) + SECOND}, []),
        ({"expires_at": NOW + SECOND, "last_used_at": None}, ["unused", "expiring"]),
        ({"state": State.ROTATING, "last_used_at": None}, ["unused"]),
        ({"state": State.EXPIRED, "expires_at": NOW, "last_used_at": None}, ["expired"]),
        ({"state": State.REVOKED, "revoked_at": NOW, "last_used_at": None}, []),
        ({"state": State.REVOKED, "revoked_at": NOW, "expires_at": START}, []),
    ],
)
def test_what_is_wrong_with_a_key_is_found(changes: dict[str, Any], found: list[str]) -> None:
    assert checks(replace(KEY, **changes)) == found


@pytest.mark.parametrize(
    ("idle", "found"),
    [
        (timedelta(days=30), []),
        (timedelta(days=30) + SECOND, ["over-scoped"]),
        (timedelta(days=91), ["stale"]),
    ],
)
def test_an_owners_key_is_idle_sooner(idle: timedelta, found: list[str]) -> None:
    assert checks(replace(OWNER, last_used_at=NOW - idle)) == found
    assert checks(replace(OWNER, last_used_at=None)) == ["unused"]


def test_many_owners_are_too_many() -> None:
    owners = [replace(OWNER, key_id=name) for name in "abc"]
    assert review(owners[:2], NOW) == ()
    gone = replace(owners[2], state=State.REVOKED, revoked_at=NOW)
    assert review([*owners[:2], gone], NOW) == ()
    found = review([*owners, KEY], NOW)
    assert [(concern.key_id, concern.check) for concern in found] == [
        ("a", "over-scoped"),
        ("b", "over-scoped"),
        ("c", "over-scoped"),
    ]
