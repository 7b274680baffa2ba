from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engramia_core.memory.words import (
    SAME_ISSUE,
    SAME_TASK,
    WordIndex,
    Words,
    components,
    jaccard,
    probe,
    required_overlap,
    size_bounds,
    words_of,
)

FEW_WORDS = st.frozensets(st.sampled_from("abcdefghijkl"), min_size=1, max_size=12)
SETS = st.lists(FEW_WORDS, min_size=1, max_size=12)
THRESHOLDS = st.sampled_from([SAME_TASK, SAME_ISSUE, 0.5, 0.1, 0.9])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sort a list, a LIST!", {"sort", "a", "list"}),
        ("straße STRASSE", {"strasse"}),
        ("snake_case x2", {"snake_case", "x2"}),
        ("řadit 排序 🚀", {"řadit", "排序"}),
        ("!?", {"!?"}),
        (" \t🚀\n", {"🚀"}),
        ("", {""}),
    ],
)
def test_a_text_is_the_set_of_its_folded_words(text: str, words: set[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [("abc", "abc", 1), ("ab", "cd", 0), ("abc", "abd", 0.5), ("a", "ab", 0.5)],
)
def test_alikeness_is_the_share_of_common_words(left: str, right: str, share: float) -> None:
    assert jaccard(frozenset(left), frozenset(right)) == share
    assert jaccard(frozenset(right), frozenset(left)) == share


@pytest.mark.parametrize(
    ("shared", "others", "is_same"), [(7, 3, False), (8, 3, True), (14, 6, False), (15, 6, True)]
)
def test_seven_words_of_ten_are_not_yet_the_same_task(
    shared: int, others: int, *, is_same: bool
) -> None:
    left = frozenset(map(str, range(shared)))
    right = left | {f"x{n}" for n in range(others)}
    assert (jaccard(left, right) > SAME_TASK) is is_same
    assert (WordIndex([("r", right)]).alike(left, SAME_TASK) == ["r"]) is is_same


def fewest_shared(size: int, threshold: float) -> int:
    """By trying every pair of sizes."""
    return min(
        shared
        for other in range(1, 4 * size + 2)
        for shared in range(1, min(size, other) + 1)
        if shared / (size + other - shared) > threshold
    )


@pytest.mark.parametrize(("size", "threshold"), [*product(range(1, 41), [SAME_TASK, SAME_ISSUE])])
def test_no_near_duplicate_shares_fewer_words_than_required(size: int, threshold: float) -> None:
    assert required_overlap(size, threshold) <= fewest_shared(size, threshold)


@pytest.mark.parametrize("threshold", [SAME_TASK, SAME_ISSUE])
def test_any_number_of_words_has_an_overlap_and_bounds_that_hold_itself(threshold: float) -> None:
    for size in range(1, 5_000):
        assert 1 <= required_overlap(size, threshold) <= size
        fewest, most = size_bounds(size, threshold)
        assert fewest <= size <= most


@given(FEW_WORDS, FEW_WORDS, THRESHOLDS, st.dictionaries(st.sampled_from("abcdef"), st.integers()))
def test_a_probe_never_misses_a_near_duplicate(
    words: Words, other: Words, threshold: float, frequency: dict[str, int]
) -> None:
    asked, must_share = probe(words, frequency, threshold)
    assert set(asked) <= words
    if jaccard(words, other) > threshold:
        assert len(other & set(asked)) >= must_share
        fewest, most = size_bounds(len(words), threshold)
        assert fewest <= len(other) <= most


@given(SETS, FEW_WORDS, THRESHOLDS)
def test_an_index_finds_what_comparing_with_everything_finds(
    sets: list[Words], words: Words, threshold: float
) -> None:
    index = WordIndex((f"t{n:02}", text) for n, text in enumerate(sets))
    wanted = [f"t{n:02}" for n, text in enumerate(sets) if jaccard(words, text) > threshold]
    assert index.alike(words, threshold) == wanted


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.none() | FEW_WORDS)), FEW_WORDS)
def test_an_index_forgets_what_is_taken_out_or_replaced(
    steps: list[tuple[str, Words | None]], words: Words
) -> None:
    index, texts = WordIndex(), dict[str, Words]()
    for name, text in steps:
        if text is None:
            index.remove(name)
            texts.pop(name, None)
        else:
            index.add(name, text)
            texts[name] = text
    assert len(index) == len(texts)
    assert index.alike(words, 0.3) == sorted(n for n, t in texts.items() if jaccard(words, t) > 0.3)
    holders = {word: sorted(n for n, t in texts.items() if word in t) for word in words}
    assert index.matching(words) == {word: names for word, names in holders.items() if names}
    assert all(index.size_of(name) == len(text) for name, text in texts.items())


def groups_by_spreading(sets: list[Words], threshold: float) -> list[int]:
    """The first member of each set's component, by spreading from neighbour to neighbour."""
    alike = {
        frozenset(pair)
        for pair in combinations(range(len(sets)), 2)
        if jaccard(sets[pair[0]], sets[pair[1]]) > threshold
    }
    leaders = []
    for start in range(len(sets)):
        reached, fresh = {start}, [start]
        while fresh:
            here = fresh.pop()
            near = {n for n in range(len(sets)) if frozenset((here, n)) in alike} - reached
            reached |= near
            fresh.extend(near)
        leaders.append(min(reached))
    return leaders


@given(SETS, THRESHOLDS)
def test_components_are_those_that_spreading_finds(sets: list[Words], threshold: float) -> None:
    assert components(sets, threshold) == groups_by_spreading(sets, threshold)


def test_a_chain_of_near_duplicates_is_one_component() -> None:
    chain = [frozenset("abcdefgh"), frozenset("bcdefghi"), frozenset("cdefghij"), frozenset("z")]
    assert jaccard(chain[0], chain[2]) < SAME_TASK
    assert components(chain, SAME_TASK) == [0, 0, 0, 3]
