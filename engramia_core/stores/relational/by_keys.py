"""Look-ups of many keys at once, by few statements that are each compiled once."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, any_, bindparam

from engramia_core.database.columns import POSTGRESQL
from engramia_core.stores.relational.compiled import CompiledStatement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

_MOST = 512
_ARRAY = "keys"
_NAMES = tuple(f"key_{number}" for number in range(_MOST))


class ByKeys:
    """A ``SELECT`` of the rows whose ``column`` is one of many keys.

    PostgreSQL takes them all as one array. Elsewhere 512 go to a statement: there is one for 1, 2, 4 … keys; where
    fewer are asked for, the last is named again.
    """

    def __init__(self, statement: Select[Any], column: ColumnElement[Any]) -> None:
        self._statement = statement
        self._column = column
        self._by_width: dict[int, CompiledStatement] = {}
        array: ColumnElement[Any] = bindparam(_ARRAY, type_=ARRAY(column.type))
        self._of_array = CompiledStatement(statement.where(column == any_(array)))

    def rows(
        self, connection: Connection, parameters: dict[str, Any], keys: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of ``keys`` in no order; ``parameters`` are those that ``statement`` has itself."""
        if not keys:
            return
        if connection.dialect.name == POSTGRESQL:
            values = {_ARRAY: list(keys)} | parameters
            yield from self._of_array.converted(connection, values)
            return
        for start in range(0, len(keys), _MOST):
            named = list(keys[start : start + _MOST])
            width = 1 << (len(named) - 1).bit_length()
            named.extend(repeat(named[-1], width - len(named)))
            values = dict(zip(_NAMES, named, strict=False)) | parameters
            yield from self._of_width(width).converted(connection, values)

    def _of_width(self, width: int) -> CompiledStatement:
        known = self._by_width.get(width)
        if known is None:
            wanted = self._column.in_([bindparam(name) for name in _NAMES[:width]])
            known = self._by_width[width] = CompiledStatement(self._statement.where(wanted))
        return known
