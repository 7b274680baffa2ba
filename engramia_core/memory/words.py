"""Texts as sets of words: how alike two are, and what an index must propose so that none is missed.

The prefix rule (Chaudhuri, Ganti and Kaushik, ICDE 2006; Xiao et al., TODS 36, 2011): if two sets are more alike
than the threshold, they share at least ``required_overlap`` words, so *any* ``size - required_overlap + k`` words
of the one hold ``k`` of the other. An index over all words may therefore be asked for the rarest few only.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Words = frozenset[str]

SAME_TASK = 0.7
"""Tasks more alike than this are near-duplicates."""
SAME_ISSUE = 0.4
"""Feedback more alike than this tells of the same issue."""

_SHORT_CHARS = 400
_WORD = re.compile(r"\w+")


def words_of(text: str) -> Words:
    """The distinct words of ``text``, case folded. A text without any (``"!?"``) is its own single word."""
    return _of_short(text) if len(text) <= _SHORT_CHARS else _of(text)


def _of(text: str) -> Words:
    return frozenset(_WORD.findall(text.casefold())) or frozenset((text.strip(),))


_of_short = lru_cache(maxsize=4_096)(_of)


def jaccard(left: Words, right: Words) -> float:
    """The share of words that two sets have in common, 0..1."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


def required_overlap(size: int, threshold: float) -> int:
    """How many words a set of ``size`` shares at least with any set that is more alike than ``threshold``."""
    return math.floor(threshold * size) + 1


def size_bounds(size: int, threshold: float) -> tuple[int, int]:
    """The fewest and most words that a set more alike than ``threshold`` can have."""
    return required_overlap(size, threshold), math.ceil(size / threshold)


def probe(words: Words, frequency: Mapping[str, int], threshold: float) -> tuple[list[str], int]:
    """The words to ask an index for, rarest first, and how many of them a near-duplicate shares at least.

    ``frequency`` may be rough: any choice finds every near-duplicate, the rarest words find the fewest others.
    """
    overlap = required_overlap(len(words), threshold)
    must_share = min(2, overlap)
    rarest = sorted(words, key=lambda word: (frequency.get(word, 0), word))
    return rarest[: len(words) - overlap + must_share], must_share


def components(sets: Sequence[Words], threshold: float) -> list[int]:
    """For each set the index of the first set of its connected component under ``jaccard > threshold``."""
    leader = list(range(len(sets)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for right in range(len(sets)):
        for left in range(right):
            one, other = find(left), find(right)
            if one != other and jaccard(sets[left], sets[right]) > threshold:
                leader[max(one, other)] = min(one, other)
    return [find(index) for index in range(len(sets))]


class WordIndex:
    """An index in memory from words to the names of the texts that hold them."""

    def __init__(self, texts: Iterable[tuple[str, Words]] = ()) -> None:
        self._texts: dict[str, Words] = {}
        self._postings: defaultdict[str, set[str]] = defaultdict(set)
        for name, words in texts:
            self.add(name, words)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, name: str, words: Words) -> None:
        """Put a text in; a name that is in already gets the new words."""
        self.remove(name)
        self._texts[name] = words
        for word in words:
            self._postings[word].add(name)

    def remove(self, name: str) -> None:
        """Take a text out; an unknown name is none."""
        for word in self._texts.pop(name, ()):
            self._postings[word].discard(name)
            if not self._postings[word]:
                del self._postings[word]

    def alike(self, words: Words, threshold: float) -> list[str]:
        """The names of all texts more alike to ``words`` than ``threshold``, sorted."""
        frequency = {word: len(self._postings.get(word, ())) for word in words}
        asked, must_share = probe(words, frequency, threshold)
        shared: defaultdict[str, int] = defaultdict(int)
        for word in asked:
            for name in self._postings.get(word, ()):
                shared[name] += 1
        return sorted(
            name
            for name, count in shared.items()
            if count >= must_share and jaccard(words, self._texts[name]) > threshold
        )

    def matching(self, words: Words) -> dict[str, list[str]]:
        """Which texts hold each of ``words``: the postings that a lexical search ranks."""
        return {word: sorted(self._postings[word]) for word in words if word in self._postings}

    def size_of(self, name: str) -> int:
        """How many distinct words the text has."""
        return len(self._texts[name])
