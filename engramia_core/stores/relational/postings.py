"""The index from words to texts, as a table: near-duplicates and lexical search are read from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import and_, bindparam, delete, func, literal_column, select

from engramia_core.database import tables as t
from engramia_core.memory.embedding import text_hash
from engramia_core.memory.words import Words, probe, size_bounds
from engramia_core.stores.relational.compiled import CompiledStatement, insert_into
from engramia_core.stores.relational.rows import in_scope, scope_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from engramia_core.scope import Scope

_Item = TypeVar("_Item", int, str)

_COMMON = 512
"""A word in this many texts is common; how common makes no difference to the choice."""
_CHUNK = 64
"""Words that one statement names."""
_FORGET_EVERY = 256
"""Writes after which frequencies are counted anew."""

_COLUMNS = tuple(t.words.c.keys())
_ADD = insert_into(t.words)

word_hash = lru_cache(maxsize=65_536)(text_hash)


class Kind(IntEnum):
    """What the indexed texts are."""

    TASK = 0
    ISSUE = 1


def add(
    connection: Connection, scope: Scope, kind: Kind, texts: Iterable[tuple[str, Words]]
) -> None:
    """Index texts by their words."""
    tenant, project, code = scope.tenant_id, scope.project_id, int(kind)
    rows = [
        (tenant, project, code, word_hash(word), len(words), name)
        for name, words in texts
        for word in words
    ]
    if rows:
        rows.sort()  # neighbours in the tree are written together
        _ADD.run_many(connection, _COLUMNS, rows)


def remove(
    connection: Connection, scope: Scope, kind: Kind, texts: Iterable[tuple[str, Words]]
) -> None:
    """Take texts out of the index; their words must be those they were added with."""
    for name, words in texts:
        for chunk in _chunks(sorted(word_hash(word) for word in words)):
            connection.execute(
                delete(t.words).where(
                    in_scope(t.words, scope),
                    t.words.c.kind == int(kind),
                    t.words.c.word.in_(chunk),
                    t.words.c.size == len(words),
                    t.words.c.name == name,
                )
            )


class Frequencies:
    """Roughly how many texts hold a word, remembered from one write to the next.

    A wrong number costs time and never a near-duplicate, so what other processes add may be missed for a while.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._uses = 0

    def of(self, words: Words, count: Callable[[list[str]], Mapping[str, int]]) -> dict[str, int]:
        """The frequencies of ``words``; ``count`` is asked for those not known."""
        self._uses += 1
        if self._uses % _FORGET_EVERY == 0:
            self._known.clear()
        unknown = sorted(words - self._known.keys())
        if unknown:
            self._known.update(count(unknown))
        return self._known

    def added(self, words: Words) -> None:
        """Count one more text of these words."""
        for word in words & self._known.keys():
            self._known[word] += 1


class Prober:
    """Proposes near-duplicates out of the index."""

    def __init__(
        self, connection: Connection, scope: Scope, kind: Kind, frequencies: Frequencies
    ) -> None:
        self._connection = connection
        self._where = scope_values(scope) | {"kind": int(kind)}
        self._frequencies = frequencies

    def propose(self, texts: Sequence[Words], threshold: float) -> list[list[str]]:
        """For each text the names that can be more alike than ``threshold``: all that are, and a few more."""
        frequency = self._frequencies.of(frozenset[str]().union(*texts), self._count)
        probes = [probe(words, frequency, threshold) for words in texts]
        holders = self._holders({word for asked, _ in probes for word in asked})
        return [
            _proposed(words, asked, must_share, holders, threshold)
            for words, (asked, must_share) in zip(texts, probes, strict=True)
        ]

    def _holders(self, words: set[str]) -> dict[str, list[tuple[int, str]]]:
        """The size and name of each text that holds a word."""
        named = {word_hash(word): word for word in words}
        found: dict[str, list[tuple[int, str]]] = {word: [] for word in words}
        for chunk in _chunks(sorted(named)):
            rows = _holders(len(chunk)).rows(self._connection, self._where | _numbered(chunk))
            for word, size, name in rows:
                found[named[word]].append((size, name))
        return found

    def _count(self, words: Sequence[str]) -> dict[str, int]:
        """How many texts hold each word, counted up to ``_COMMON``."""
        counts: dict[str, int] = {}
        for chunk in _chunks(words):
            values = self._where | _numbered([word_hash(word) for word in chunk])
            (row,) = _frequencies(len(chunk)).rows(self._connection, values)
            counts.update(zip(chunk, row, strict=True))
        return counts


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def _numbered(hashes: Sequence[int]) -> dict[str, int]:
    return {f"w{number}": value for number, value in enumerate(hashes)}


def _here() -> ColumnElement[bool]:
    return and_(
        t.words.c.tenant_id == bindparam("tenant_id"),
        t.words.c.project_id == bindparam("project_id"),
        t.words.c.kind == bindparam("kind"),
    )


def _proposed(
    words: Words,
    asked: Sequence[str],
    must_share: int,
    holders: Mapping[str, Sequence[tuple[int, str]]],
    threshold: float,
) -> list[str]:
    """The names among the holders that share enough of the words that were asked for."""
    fewest, most = size_bounds(len(words), threshold)
    shared = Counter(
        name for word in asked for size, name in holders[word] if fewest <= size <= most
    )
    return [name for name, count in shared.items() if count >= must_share]


@cache
def _holders(count: int) -> CompiledStatement:
    """Each of ``count`` words with the size and name of each text that holds it."""
    return CompiledStatement(
        select(t.words.c.word, t.words.c.size, t.words.c.name).where(
            _here(), t.words.c.word.in_([bindparam(f"w{number}") for number in range(count)])
        )
    )


@cache
def _frequencies(count: int) -> CompiledStatement:
    """One row: how many texts hold each of ``count`` words, counted up to ``_COMMON``."""
    bounded = (
        select(literal_column("1"))
        .where(_here(), t.words.c.word == bindparam(f"w{number}"))
        .limit(literal_column(str(_COMMON)))
        .subquery()
        for number in range(count)
    )
    counts = (select(func.count()).select_from(rows).scalar_subquery() for rows in bounded)
    return CompiledStatement(select(*counts))


def matching(
    connection: Connection, scope: Scope, kind: Kind, words: Words
) -> dict[str, list[tuple[str, int]]]:
    """For each of ``words`` that is in any text the ``(name, size)`` of those that hold it, by name."""
    named = {word_hash(word): word for word in words}
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for chunk in _chunks(sorted(named)):
        statement = (
            select(t.words.c.word, t.words.c.name, t.words.c.size)
            .where(in_scope(t.words, scope), t.words.c.kind == int(kind), t.words.c.word.in_(chunk))
            .order_by(t.words.c.word, t.words.c.name)
        )
        for row in connection.execute(statement):
            found[named[row.word]].append((row.name, row.size))
    return dict(found)
