from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.lexical import bm25

if TYPE_CHECKING:
    from engramia_core.memory.words import Words

TEXTS = st.lists(
    st.frozensets(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1, max_size=10
)
QUERIES = st.frozensets(st.sampled_from("abcdefghij"), min_size=1, max_size=5)


def ranked(query: Words, texts: list[Words]) -> list[tuple[str, float]]:
    postings = {
        word: [(f"t{n}", len(text)) for n, text in enumerate(texts) if word in text]
        for word in query
    }
    found = {word: names for word, names in postings.items() if names}
    return bm25(found, texts=len(texts), words=len(query))


def test_nothing_is_found_for_words_that_no_text_holds() -> None:
    assert ranked(frozenset("xy"), [frozenset("ab")]) == []
    assert ranked(frozenset("xy"), []) == []


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    texts = [frozenset(text) for text in ("ax", "ay", "bz", "aw")]
    assert ranked(frozenset("ab"), texts)[0][0] == "t2"


def test_a_short_text_counts_more_than_a_long_one_with_the_same_words() -> None:
    assert [name for name, _ in ranked(frozenset("a"), [frozenset("abcd"), frozenset("a")])] == [
        "t1",
        "t0",
    ]


def test_the_same_words_are_nearly_wholly_relevant() -> None:
    ((_, relevance),) = ranked(frozenset("abc"), [frozenset("abc")])
    assert relevance == pytest.approx(1.0)


def test_a_word_that_no_text_holds_makes_all_less_relevant() -> None:
    texts = [frozenset("ab"), frozenset("cd"), frozenset("ef")]
    ((_, all_known),), ((_, half_known),) = (
        ranked(query, texts) for query in (frozenset("ab"), frozenset("abx"))
    )
    assert half_known < all_known / 1.3


@given(QUERIES, TEXTS)
def test_relevance_lies_between_0_and_1_in_descending_order(
    query: Words, texts: list[Words]
) -> None:
    found = ranked(query, texts)
    assert {name for name, _ in found} == {f"t{n}" for n, t in enumerate(texts) if t & query}
    assert all(0 < relevance <= 1 for _, relevance in found)
    assert found == sorted(found, key=lambda row: (-row[1], row[0]))
