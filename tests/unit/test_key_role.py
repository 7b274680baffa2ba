from __future__ import annotations

import pytest

from engramia_core.keys.role import Right, Role, may

TABLE = """
           reader  editor  admin  owner
recall     yes     yes     yes    yes
list       yes     yes     yes    yes
export     yes     yes     yes    yes
learn      no      yes     yes    yes
refine     no      yes     yes    yes
delete     no      yes     yes    yes
keys       no      no      yes    yes
aging      no      no      yes    yes
import     no      no      yes    yes
tenants    no      no      no     yes
operate    no      no      no     yes
"""
ROLES, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_role_may_what_the_table_says(row: list[str]) -> None:
    right, *answers = row
    for role, answer in zip(ROLES, answers, strict=True):
        assert may(Role(role), Right(right)) is (answer == "yes")


def test_the_table_has_every_role_and_every_action() -> None:
    assert list(Role) == ROLES
    assert [right for right, *_ in ROWS] == list(Right)
