"""Numbers by which near-duplicate texts are found in an index: two texts that are alike share one at least.

The prefix rule (Chaudhuri, Ganti and Kaushik, ICDE 2006; Xiao et al., TODS 36, 2011): put the words of every text in
one order. If two sets share at least ``overlap`` words, then the first ``size - overlap + 2`` words of each hold two of
the shared ones, so a pair of them is a common signature. The order is by length, longest first, because long words
are rare ones (Zipf's law of abbreviation): that keeps the texts behind a signature few, and needs no counting.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from engramia_core.memory.embedding import text_hash
from engramia_core.memory.words import Words, jaccard, required_overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PAIRED_WORDS = 64
"""Longer texts have too many pairs; they are found by single words."""

_word_hash = lru_cache(maxsize=65_536)(text_hash)
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_SIGN = 1 << 63


def signatures(words: Words, threshold: float) -> frozenset[int]:
    """The signed 64-bit signatures of a text: of a pair of its words, or of a single one.

    Single words stand where a near-duplicate may share but one word, and in texts of more than 64 words and those that
    can be alike to one.
    """
    return _of_short(words, threshold) if len(words) <= MAX_PAIRED_WORDS else _of(words, threshold)


class SignatureIndex:
    """An index in memory from signatures to the names of texts."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._texts: dict[str, Words] = {}
        self._names: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, name: str, words: Words) -> None:
        """Put a text in under a new name."""
        self._texts[name] = words
        for signature in signatures(words, self._threshold):
            self._names[signature].append(name)

    def alike(self, words: Words) -> list[str]:
        """The names of all texts more alike to ``words`` than the threshold, sorted."""
        proposed = {
            name
            for signature in signatures(words, self._threshold)
            for name in self._names.get(signature, ())
        }
        return sorted(
            name for name in proposed if jaccard(words, self._texts[name]) > self._threshold
        )


def _of(words: Words, threshold: float) -> frozenset[int]:
    size = len(words)
    overlap = required_overlap(size, threshold)
    ordered = list(map(_word_hash, sorted(sorted(words), key=len, reverse=True)))
    found: set[int] = set()
    if size <= MAX_PAIRED_WORDS:
        found.update(_pairs(ordered[: size - overlap + 2]))
    if overlap == 1 or size > threshold * MAX_PAIRED_WORDS:
        found.update(ordered[: size - overlap + 1])
    return frozenset(found)


_of_short = lru_cache(maxsize=4_096)(_of)


def _pairs(ordered: list[int]) -> Iterator[int]:
    for place, first in enumerate(ordered, 1):
        mixed = first * _MIX + _SIGN
        for second in ordered[place:]:
            yield (mixed + second & _MASK) - _SIGN
