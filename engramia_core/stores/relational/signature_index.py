"""The index from signatures to texts, as a table: near-duplicates are read from it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from enum import IntEnum
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, delete, select

from engramia_core.database import tables as t
from engramia_core.memory.signatures import signatures
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, Words
from engramia_core.stores.relational.by_keys import ByKeys
from engramia_core.stores.relational.compiled import CompiledStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from engramia_core.scope import Scope
    from engramia_core.stores.relational.rows import Row

_ROWS = 2_000
_COLUMNS = tuple(t.signatures.c.keys())
_HOLDERS = ByKeys(
    select(t.signatures.c.signature, t.signatures.c.name).where(
        t.signatures.c.tenant_id == bindparam("tenant_id"),
        t.signatures.c.project_id == bindparam("project_id"),
        t.signatures.c.kind == bindparam("kind"),
    ),
    t.signatures.c.signature,
)
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
        self._added = _Pairs()

    def add(self, texts: Iterable[tuple[str, Words]]) -> None:
        """Index texts under their names."""
        self._added.add(texts, self._threshold)

    def remove(self, texts: Iterable[tuple[str, Words]]) -> None:
        """Take texts out of the index; their words must be those they were added with."""
        self.flush()
        removed = _Pairs()
        removed.add(texts, self._threshold)
        for rows in removed.rows(self._where):
            _REMOVE.run_many(self._connection, _COLUMNS, rows)

    def flush(self) -> None:
        """Write what was added."""
        added, self._added = self._added, _Pairs()
        for rows in added.rows(self._where):
            self._insert(self._connection, t.signatures, rows)

    def propose(self, texts: Sequence[Words]) -> list[set[str]]:
        """For each text the names of those that can be alike: all that are, and a few more."""
        self.flush()
        signed = [signatures(words, self._threshold) for words in texts]
        where = dict(zip(_COLUMNS, self._where, strict=False))
        wanted = sorted(frozenset[int]().union(*signed))
        names: defaultdict[int, list[str]] = defaultdict(list)
        for signature, name in _HOLDERS.rows(self._connection, where, wanted):
            names[signature].append(name)
        return [{name for s in mine if s in names for name in names[s]} for mine in signed]


class _Pairs:
    """Signatures with the names of their texts, in 16 bytes a pair: there are ten to a text."""

    def __init__(self) -> None:
        self._signatures = array("q")
        self._names: list[str] = []

    def add(self, texts: Iterable[tuple[str, Words]], threshold: float) -> None:
        for name, words in texts:
            of_text = signatures(words, threshold)
            self._signatures.extend(of_text)
            self._names.extend(repeat(name, len(of_text)))

    def rows(self, where: tuple[str, str, int]) -> Iterator[list[Row]]:
        """Some thousand at a time, sorted by signature: neighbours in the tree are written together."""
        order = np.argsort(np.array(self._signatures))
        for start in range(0, len(order), _ROWS):
            some = order[start : start + _ROWS].tolist()
            yield [(*where, self._signatures[place], self._names[place]) for place in some]
