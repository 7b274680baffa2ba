from __future__ import annotations

import pytest

from engramia_core.errors import InvalidInput
from engramia_core.scope import Scope


def test_without_names_the_scope_is_the_default_one() -> None:
    assert str(Scope()) == "default/default"


@pytest.mark.parametrize("name", ["a", "7", "A-b_c.d", "a" * 64, "1.2.3"])
def test_a_name_of_letters_digits_and_a_few_signs_is_taken(name: str) -> None:
    assert str(Scope(name, name)) == f"{name}/{name}"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a..b", ".a", "-a", "_a", "a" * 65, "a/b", "a b", "a\n", "\x00", "ä", "a,b"],
)
@pytest.mark.parametrize("kind", ["tenant", "project"])
def test_any_other_name_is_refused_and_said(kind: str, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Scope(**{f"{kind}_id": name})
    assert f"{kind} {name!r}" in caught.value.message
    assert caught.value.hint
