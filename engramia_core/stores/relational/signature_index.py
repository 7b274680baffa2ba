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
from engramia_core.stores.relational.compiled import CompiledStatement, insert_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from engramia_core.scope import Scope

_CHUNK = 500
"""Signatures that one statement names."""
_COLUMNS = tuple(t.signatures.c.keys())
_ADD = insert_into(t.signatures)
_REMOVE = CompiledStatement(
    delete(t.signatures).where(*(column == bindparam(column.name) for column in t.signatures.c))
)


class Kind(IntEnum):
    """What the indexed texts are."""

    TASK = 0
    ISSUE = 1


_THRESHOLDS = {Kind.TASK: SAME_TASK, Kind.ISSUE: SAME_ISSUE}


def add(
    connection: Connection, scope: Scope, kind: Kind, texts: Iterable[tuple[str, Words]]
) -> None:
    """Index texts under their names."""
    _write(_ADD, connection, scope, kind, texts)


def remove(
    connection: Connection, scope: Scope, kind: Kind, texts: Iterable[tuple[str, Words]]
) -> None:
    """Take texts out of the index; their words must be those they were added with."""
    _write(_REMOVE, connection, scope, kind, texts)


def propose(
    connection: Connection, scope: Scope, kind: Kind, texts: Sequence[Words]
) -> list[set[str]]:
    """For each text the names that can be alike: all that are more alike than the kind's threshold, and a few more."""
    signed = [signatures(words, _THRESHOLDS[kind]) for words in texts]
    where = {"tenant_id": scope.tenant_id, "project_id": scope.project_id, "kind": int(kind)}
    names: defaultdict[int, list[str]] = defaultdict(list)
    for chunk in _chunks(sorted(frozenset[int]().union(*signed))):
        values = where | {f"s{number}": signature for number, signature in enumerate(chunk)}
        for signature, name in _holders(len(chunk)).rows(connection, values):
            names[signature].append(name)
    if not names:
        return [set() for _ in texts]
    return [{name for s in mine if s in names for name in names[s]} for mine in signed]


def _write(
    statement: CompiledStatement,
    connection: Connection,
    scope: Scope,
    kind: Kind,
    texts: Iterable[tuple[str, Words]],
) -> None:
    tenant, project, code = scope.tenant_id, scope.project_id, int(kind)
    rows = [
        (tenant, project, code, signature, name)
        for name, words in texts
        for signature in signatures(words, _THRESHOLDS[kind])
    ]
    if rows:
        rows.sort()  # neighbours in the tree are written together
        statement.run_many(connection, _COLUMNS, rows)


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
