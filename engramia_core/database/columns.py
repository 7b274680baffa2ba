"""What columns are made of, so that one table serves SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from sqlalchemy.engine import Dialect

    Vector = npt.NDArray[np.float32]

POSTGRESQL = "postgresql"
FLOAT_BYTES = 4

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def name_type(length: int = 64) -> String:
    """A name or key, compared byte by byte: SQLite's way, and PostgreSQL's under the collation ``C``."""
    return String(length).with_variant(String(length, collation="C"), POSTGRESQL)


def tenant_column() -> Column[str]:
    """Whose row it is; every key leads with it."""
    return Column("tenant_id", name_type(), nullable=False)


def project_column() -> Column[str]:
    """Which project of the tenant a row belongs to."""
    return Column("project_id", name_type(), nullable=False)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in UTC: ``timestamptz`` where there is one, else microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            DateTime(timezone=True) if dialect.name == POSTGRESQL else BigInteger()
        )

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object] | None:
        return None if dialect.name == POSTGRESQL else _microseconds

    @override
    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[int | None], datetime | None] | None:
        return None if dialect.name == POSTGRESQL else _moment


def _microseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=256)  # a pattern's times are mostly one
def _moment(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + value * _MICROSECOND


class VectorColumn(TypeDecorator[Any]):
    """A float32 array of any length: pgvector's ``vector``, else little-endian bytes.

    PostgreSQL's driver must know the type (``pgvector.psycopg``); a store's connections do.
    """

    impl = LargeBinary
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != POSTGRESQL:
            return dialect.type_descriptor(LargeBinary())
        from pgvector.sqlalchemy import VECTOR

        return dialect.type_descriptor(VECTOR())

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Vector | None], object] | None:
        return None if dialect.name == POSTGRESQL else _blob

    @override
    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], Vector | None] | None:
        return _unpacked if dialect.name == POSTGRESQL else _array


def _blob(vector: Vector | None) -> memoryview | None:
    return None if vector is None else vector.astype("<f4", order="C", copy=False).data


def _array(blob: bytes | None) -> Vector | None:
    return None if blob is None else np.frombuffer(blob, dtype="<f4")


def _unpacked(value: Any) -> Vector | None:  # noqa: ANN401 -- pgvector's own
    return None if value is None else value.to_numpy()


class vector_dimensions(GenericFunction[int]):  # noqa: N801 -- a function of SQL
    """The length of a stored vector."""

    type = Integer()
    inherit_cache = True


@compiles(vector_dimensions)
def _by_bytes(element: vector_dimensions, compiler: Any, **kw: Any) -> str:  # noqa: ANN401 -- SQLAlchemy's
    return f"(length({compiler.process(element.clauses, **kw)}) / {FLOAT_BYTES})"


@compiles(vector_dimensions, POSTGRESQL)
def _by_pgvector(element: vector_dimensions, compiler: Any, **kw: Any) -> str:  # noqa: ANN401 -- SQLAlchemy's
    return f"vector_dims({compiler.process(element.clauses, **kw)})"
