from __future__ import annotations

import pytest

from engramia_core.errors import Refused
from engramia_core.keys.authenticate import Identity
from engramia_core.keys.quota import check_quota
from engramia_core.keys.role import Role


def identity(max_patterns: int | None) -> Identity:
    return Identity("0" * 26, "acme", None, Role.EDITOR, max_patterns)


@pytest.mark.parametrize(
    ("most", "live", "added"),
    [
        (None, 0, 1), (None, 10**9, 10**6), (10, 0, 10), (10, 9, 1), (1, 0, 1),
        (10, 10, 0), (10, 25, 0), (10, 25, -5),
    ],
)  # fmt: skip
def test_up_to_the_limit_anything_may_be_learned(most: int | None, live: int, added: int) -> None:
    check_quota(identity(most), live=live, added=added)


@pytest.mark.parametrize(
    ("most", "live", "added"), [(10, 10, 1), (10, 9, 2), (10, 0, 11), (10, 25, 1), (1, 1, 1)]
)
def test_beyond_the_limit_nothing_is_learned(most: int, live: int, added: int) -> None:
    with pytest.raises(Refused):
        check_quota(identity(most), live=live, added=added)


def test_the_refusal_says_how_much_there_is_and_what_to_do() -> None:
    with pytest.raises(Refused) as caught:
        check_quota(identity(2_000), live=1_999, added=2)
    assert caught.value.message == (
        f"key {'0' * 26} may fill a scope up to 2,000 live patterns:"
        " there are 1,999, and 2 more were to be learned"
    )
    assert caught.value.hint is not None
    assert "engramia keys create --max-patterns N" in caught.value.hint
