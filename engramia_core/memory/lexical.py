"""Search by words alone, for when there is no embedding: BM25 over sets of words.

Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, with every word counted once a text.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_K1 = 1.2
_B = 0.75


def bm25(
    postings: Mapping[str, Sequence[tuple[str, int]]], *, texts: int, words: int
) -> list[tuple[str, float]]:
    """Texts by descending relevance, as ``(name, 0..1)``; names break ties.

    ``postings`` gives for each word of the query the ``(name, size)`` of the texts that hold it; ``texts`` is
    how many the whole memory has and ``words`` the query's size. Lengths are compared with the mean of the texts found. The
    relevance is BM25 divided by what a text of that length with every word would reach, so it can stand where a
    similarity stands.
    """
    sizes = [size for found in postings.values() for _, size in found]
    mean_size = sum(sizes) / max(len(sizes), 1)
    scores: defaultdict[str, float] = defaultdict(float)
    best = 0.0
    for found in postings.values():
        rarity = math.log1p((texts - len(found) + 0.5) / (len(found) + 0.5))
        best += rarity
        for name, size in found:
            length = 1 - _B + _B * size / max(mean_size, 1.0)
            scores[name] += rarity * (_K1 + 1) / (1 + _K1 * length)
    missing = words - len(postings)
    best += missing * math.log1p((texts + 0.5) / 0.5)
    relevant = ((name, min(score / best, 1.0)) for name, score in scores.items())
    return sorted(relevant, key=lambda item: (-item[1], item[0]))
