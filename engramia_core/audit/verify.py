"""Whether the chains are whole: what was altered, removed, inserted or cut off, and where.

Whoever may write every table can write a chain anew, with hashes that fit. That is found by a witness only: heads that
were noted down elsewhere (``witness.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from engramia_core.audit.chain import NO_HASH, Head
from engramia_core.audit.record import as_row, record_hash
from engramia_core.audit.trail import Wanted, heads, in_chains
from engramia_core.database.database import INSTALLATION, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection

    from engramia_core.audit.record import AuditRecord

MAX_FINDINGS = 200
"""So many are told of one by one; the rest are counted."""


class Problem(StrEnum):
    """What can be wrong with a chain."""

    ALTERED = "altered"
    MISSING = "missing"
    OUT_OF_PLACE = "out-of-place"
    CUT_OFF = "cut-off"
    BEYOND_HEAD = "beyond-head"
    NO_HEAD = "no-head"
    WRITTEN_ANEW = "written-anew"


_REMEDIES = {
    Problem.ALTERED: "compare the record with an export or a copy from before: engramia audit export",
    Problem.MISSING: "look for the records in an export or a copy from before, and for who could write the table",
    Problem.OUT_OF_PLACE: "compare it and the record before it with an export or a copy from before",
    Problem.CUT_OFF: "look for the records in an export or a copy from before, and for who could write the table",
    Problem.BEYOND_HEAD: "somebody wrote the tables by hand: compare both with a copy from before",
    Problem.NO_HEAD: "compare engramia_audit_heads with a copy from before, and put the row back",
    Problem.WRITTEN_ANEW: "trust the witness: compare the chain with an export or a copy from before",
}


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """What is wrong at one place of one chain."""

    chain: str
    """``tenant/project``; ``*/*`` is the installation's."""
    number: int
    """The record it is about, or the first one that is not there."""
    problem: Problem
    """What kind of problem it is."""
    text: str
    remedy: str


@dataclass(slots=True)
class ChainsReport:
    """What a verification found."""

    chains: int = 0
    """Chains that have a head."""
    records: int = 0
    """Records that were recomputed."""
    witnessed: int = 0
    """Chains that were compared with the witness."""
    noted: int = 0
    """Heads that were added to it."""
    problems: int = 0
    """How many problems there are."""
    findings: list[ChainFinding] = field(default_factory=list)
    """The first of the problems."""


def verify(
    connection: Connection,
    *,
    witness: Mapping[Names, Head] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[ChainsReport, dict[Names, Head]]:
    """Recompute every chain; what was found, and the heads, which a witness may keep if nothing was.

    ``connection`` must see every scope, as of one moment. Memory grows with the chains, not with the records.
    """
    said = heads(connection)
    witness = witness or {}
    report = ChainsReport(chains=len(said), witnessed=len(witness))
    expected = dict.fromkeys((INSTALLATION, *said, *witness))
    for chain, records in groupby(in_chains(connection, Wanted()), key=_chain):
        expected.pop(chain, None)
        walk = _Walk(chain, witness.get(chain))
        for record in records:
            _tell(report, walk.step(record))
            report.records += 1
            progress(1)
        _tell(report, walk.end(said.get(chain)))
    for chain in expected:
        _tell(report, _Walk(chain, witness.get(chain)).end(said.get(chain)))
    return report, said


def _chain(record: AuditRecord) -> Names:
    return Names(record.tenant_id, record.project_id)


def _tell(report: ChainsReport, findings: Iterator[ChainFinding]) -> None:
    for finding in findings:
        report.problems += 1
        if len(report.findings) < MAX_FINDINGS:
            report.findings.append(finding)


class _Walk:
    """One chain, looked at record by record."""

    def __init__(self, chain: Names, witness: Head | None) -> None:
        self._chain = chain
        self._witness = witness
        self._last = Head(0, NO_HASH)

    def step(self, record: AuditRecord) -> Iterator[ChainFinding]:
        """What is wrong with the next record."""
        number, previous_hash = self._last
        self._last = Head(record.number, record.hash)
        if record.number > number + 1:
            yield self._missing(number + 1, record.number - 1)
        elif record.previous_hash != previous_hash:
            yield self._found(
                record.number,
                Problem.OUT_OF_PLACE,
                f"record {record.number:,} does not go on from the one before it:"
                " one of them was put there later",
            )
        if record_hash(as_row(record)) != record.hash:
            yield self._found(
                record.number, Problem.ALTERED, f"record {record.number:,} was altered"
            )
        yield from self._compared(self._last)

    def end(self, head: Head | None) -> Iterator[ChainFinding]:
        """What is wrong with the chain's end; ``head`` is what the table of heads says it is."""
        number, last_hash = self._last
        if self._witness is not None and self._witness.number > number:
            yield self._found(
                number + 1,
                Problem.CUT_OFF,
                f"records {number + 1:,} to {self._witness.number:,} are gone: the witness has seen them",
            )
        if head is None:
            if number or self._chain == INSTALLATION:
                yield self._found(number, Problem.NO_HEAD, "the chain's head is gone")
        elif head.number > number:
            yield self._found(
                number + 1,
                Problem.CUT_OFF,
                f"records {number + 1:,} to {head.number:,} are gone: the head names the last of them",
            )
        elif head.number < number:
            yield self._found(
                head.number + 1,
                Problem.BEYOND_HEAD,
                f"records {head.number + 1:,} to {number:,} are beyond the head, which was turned back,"
                " or they were put there later",
            )
        elif head.hash != last_hash:
            yield self._found(
                number, Problem.BEYOND_HEAD, f"record {number:,} is not the one that the head names"
            )

    def _compared(self, last: Head) -> Iterator[ChainFinding]:
        if (
            self._witness is not None
            and self._witness.number == last.number
            and self._witness != last
        ):
            yield self._found(
                last.number,
                Problem.WRITTEN_ANEW,
                f"record {last.number:,} is not the one that the witness has seen:"
                " it, or one before it, was written anew",
            )

    def _missing(self, first: int, last: int) -> ChainFinding:
        which = f"record {first:,} is" if first == last else f"records {first:,} to {last:,} are"
        return self._found(first, Problem.MISSING, f"{which} missing")

    def _found(self, number: int, problem: Problem, text: str) -> ChainFinding:
        return ChainFinding("/".join(self._chain), number, problem, text, _REMEDIES[problem])
