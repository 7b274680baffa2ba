"""The index from signatures to texts, as a table: near-duplicates are read from it."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from engramia_core.database import tables as t
from engramia_core.memory.signatures import signatures
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, Words
from engramia_core.stores.relational.compiled import CompiledStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from engramia_core.scope import Scope
    from engramia_core.stores.relational.rows import Row

_CHUNK = 500
"""Signatures that one statement names."""
_COLUMNS = tuple(t.signatures.c.keys())
_REMOVE = CompiledStatement(
    delete(t.signatures).where(*(column == bindparam(column.name) for column in t.signatures.c))
)


class Kind(IntEnum):
    """What the indexed texts are."""

    TASK = 0
    ISSUE = 1


_THRESHOLDS = {Kind.TASK: SAME_TASK, Kind.ISSUE: SAME_ISSUE}


class SignatureTable:
    """The index of one kind of texts in one scope, for one transaction.

    What is added is written in one sweep through the tree, when it is first asked for or at ``flush``: signatures are
    random numbers, so every sweep writes most of its pages.
    """

    def __init__(
        self,
        connection: Connection,
        scope: Scope,
        kind: Kind,
        insert: Callable[[Connection, Table, Sequence[Row]], None],
    ) -> None:
        self._connection = connection
        self._insert = insert
        self._where = (scope.tenant_id, scope.project_id, int(kind))
        self._threshold = _THRESHOLDS[kind]
        self._added: list[tuple[int, str]] = []

    def add(self, texts: Iterable[tuple[str, Words]]) -> None:
        """Index texts under their names."""
        self._added.extend(self._signed(texts))

    def remove(self, texts: Iterable[tuple[str, Words]]) -> None:
        """Take texts out of the index; their words must be those they were added with."""
        self.flush()
        removed = self._rows(list(self._signed(texts)))
        _REMOVE.run_many(self._connection, _COLUMNS, removed)

    def flush(self) -> None:
        """Write what was added."""
        added, self._added = self._added, []
        self._insert(self._connection, t.signatures, self._rows(added))

    def propose(self, texts: Sequence[Words]) -> list[set[str]]:
        """For each text the names of those that can be alike: all that are, and a few more."""
        self.flush()
        signed = [signatures(words, self._threshold) for words in texts]
        where = dict(zip(_COLUMNS, self._where, strict=False))
        names: defaultdict[int, list[str]] = defaultdict(list)
        for chunk in _chunks(sorted(frozenset[int]().union(*signed))):
            values = where | {f"s{number}": signature for number, signature in enumerate(chunk)}
            for signature, name in _holders(len(chunk)).rows(self._connection, values):
                names[signature].append(name)
        return [{name for s in mine if s in names for name in names[s]} for mine in signed]

    def _signed(self, texts: Iterable[tuple[str, Words]]) -> Iterator[tuple[int, str]]:
        for name, words in texts:
            for signature in signatures(words, self._threshold):
                yield signature, name

    def _rows(self, pairs: list[tuple[int, str]]) -> list[Row]:
        pairs.sort()  # neighbours in the tree are written together
        return [(*self._where, *pair) for pair in pairs]


def _chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


@cache
def _holders(count: int) -> CompiledStatement:
    """Each of ``count`` signatures with the names of the texts that have it."""
    return CompiledStatement(
        select(t.signatures.c.signature, t.signatures.c.name).where(
            t.signatures.c.tenant_id == bindparam("tenant_id"),
            t.signatures.c.project_id == bindparam("project_id"),
            t.signatures.c.kind == bindparam("kind"),
            t.signatures.c.signature.in_([bindparam(f"s{number}") for number in range(count)]),
        )
    )
