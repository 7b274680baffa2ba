from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.signatures import MAX_PAIRED_WORDS, SignatureIndex, signatures
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, Words, jaccard

THRESHOLDS = st.sampled_from([SAME_TASK, SAME_ISSUE])
VOCABULARY = [("x" * (n % 7)) + str(n) for n in range(150)]


@st.composite
def kin(draw: st.DrawFn) -> tuple[Words, Words]:
    """A text of up to a hundred words, and one that lacks some of them and has some others."""
    size = draw(st.integers(1, 8) | st.integers(40, 70) | st.integers(1, 100))
    words = draw(st.permutations(VOCABULARY))
    lacks, more = draw(st.integers(0, size // 2)), draw(st.integers(0, min(size, 50)))
    return frozenset(words[:size]), frozenset(words[lacks : size + more])


@given(kin(), THRESHOLDS)
def test_two_texts_that_are_alike_share_a_signature(
    texts: tuple[Words, Words], threshold: float
) -> None:
    one, other = texts
    if jaccard(one, other) > threshold:
        assert signatures(one, threshold) & signatures(other, threshold)


@pytest.mark.parametrize("threshold", [SAME_TASK, SAME_ISSUE])
def test_texts_just_alike_enough_share_a_signature_at_every_size(threshold: float) -> None:
    for size in range(1, MAX_PAIRED_WORDS + 30):
        one = frozenset(VOCABULARY[:size])
        for lacks in range(size):
            other = frozenset(VOCABULARY[lacks:size])  # without those that the order puts anywhere
            if jaccard(one, other) > threshold:
                assert signatures(one, threshold) & signatures(other, threshold), (size, lacks)


@given(st.frozensets(st.text(min_size=1, max_size=5), min_size=1), THRESHOLDS)
def test_signatures_fit_a_signed_64_bit_column_and_there_is_always_one(
    words: Words, threshold: float
) -> None:
    words = frozenset(word for word in words if word.isprintable()) or frozenset("a")
    found = signatures(words, threshold)
    assert found
    assert all(-(2**63) <= signature < 2**63 for signature in found)


@given(
    st.lists(st.frozensets(st.sampled_from("abcdefghij"), min_size=1), max_size=12),
    st.frozensets(st.sampled_from("abcdefghij"), min_size=1),
    THRESHOLDS,
)
def test_an_index_finds_what_comparing_with_everything_finds(
    texts: list[Words], words: Words, threshold: float
) -> None:
    index = SignatureIndex(threshold)
    for number, text in enumerate(texts):
        index.add(f"t{number:02}", text)
    wanted = [f"t{n:02}" for n, text in enumerate(texts) if jaccard(words, text) > threshold]
    assert index.alike(words) == wanted
