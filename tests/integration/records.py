"""Records for the tests of the audit trail, and what a verification makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from engramia_core.audit import Actor, Entry, Via, append
from engramia_core.audit.trail import heads
from engramia_core.audit.verify import ChainsReport, verify
from engramia_core.database.database import Database, Names

if TYPE_CHECKING:
    from engramia_core.audit.chain import Head

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACME, BLOG = Names("acme", "shop"), Names("acme", "blog")
ALICE = Actor("alice@host", Via.CLI, "spring cleaning")


def write(database: Database, chain: Names, count: int, *, action: str = "memory.learned") -> None:
    """Add records, a minute apart."""
    for number in range(count):
        with database.transaction(chain) as connection:
            at = NOW + timedelta(minutes=number)
            append(connection, chain, Entry(at, ALICE, action, f"k{number}", detail="ä 日本"))


def verified(database: Database, witness: dict[Names, Head] | None = None) -> ChainsReport:
    with database.everything() as connection:
        return verify(connection, witness=witness)[0]


def problems(database: Database, witness: dict[Names, Head] | None = None) -> list[tuple[Any, ...]]:
    """Chain, record and problem of each finding."""
    report = verified(database, witness)
    assert report.problems == len(report.findings)
    assert all(finding.remedy for finding in report.findings)
    return [(f.chain, f.number, f.problem) for f in report.findings]


def heads_of(database: Database) -> dict[Names, Head]:
    with database.everything() as connection:
        return heads(connection)
