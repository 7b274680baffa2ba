from __future__ import annotations

import pytest

from engramia_core.keys.authenticate import Identity
from engramia_core.keys.role import Role, may_all

TABLE = """
mine    of          a key of  for         may
owner   */*         owner     */*         yes
owner   */*         admin     acme/*      yes
owner   */*         reader    acme/web    yes
admin   acme/*      owner     */*         no
admin   acme/*      owner     acme/*      no
admin   acme/*      admin     */*         no
admin   acme/*      admin     acme/*      yes
admin   acme/*      editor    acme/*      yes
admin   acme/*      admin     acme/web    yes
admin   acme/*      reader    acme/web    yes
admin   acme/*      reader    umbrella/*  no
admin   acme/*      reader    umbrella/w  no
admin   acme/web    admin     acme/web    yes
admin   acme/web    reader    acme/web    yes
admin   acme/web    reader    acme/*      no
admin   acme/web    reader    acme/api    no
admin   acme/web    reader    umbrella/w  no
admin   acme/web    reader    */*         no
editor  acme/*      reader    acme/web    no
editor  acme/web    editor    acme/web    no
reader  acme/*      reader    acme/web    no
reader  acme/web    reader    acme/web    no
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()[1:]]


def names(reach: str) -> tuple[str | None, str | None]:
    tenant, project = (None if name == "*" else name for name in reach.split("/"))
    return tenant, project


def identity(role: str, reach: str, max_patterns: int | None = None) -> Identity:
    return Identity("0" * 26, *names(reach), Role(role), max_patterns)


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_nobody_grants_more_than_they_have(row: tuple[str, ...]) -> None:
    mine, of, role, reach, answer = row
    assert identity(mine, of).may_grant(Role(role), *names(reach)) is (answer == "yes")


@pytest.mark.parametrize(
    ("mine", "wished", "answer"),
    [
        (None, None, True),
        (None, 10, True),
        (10, None, False),
        (10, 11, False),
        (10, 10, True),
        (10, 1, True),
    ],
)
def test_nobody_grants_more_patterns_than_they_may_have(
    mine: int | None, wished: int | None, *, answer: bool
) -> None:
    admin = identity("admin", "acme/web", mine)
    assert admin.may_grant(Role.EDITOR, "acme", "web", max_patterns=wished) is answer


def test_a_role_may_all_that_those_before_it_may() -> None:
    roles = list(Role)
    for rank, role in enumerate(roles):
        assert [other for other in roles if may_all(role, other)] == roles[: rank + 1]
