"""A memory with one of everything in two scopes, and a copy of it in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.memory.copy import Copier, complete
from engramia_core.memory.copy_report import CopyConflict, CopyReport
from engramia_core.memory.stored import Action, AgingRun, Kept, Record
from engramia_core.memory.transfer import export
from engramia_core.scope import Scope
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.keeping import FULL, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.memory.store import PatternStore

SHOP = Scope("acme", "shop")
BLOG = Scope("acme", "blog")
NOW = days(30)


def everything_there_is() -> Iterator[Kept]:
    """Live patterns of every kind of text, one in the trash, one purged, one without a history."""
    learned = an_event()
    seen = (an_observation(1, 0.1 + 0.2, "too slow"), an_observation(2, 7.123456789012345))
    trashed = an_event(Action.TRASHED, 2.000001, "pruned by aging-1")
    yield Kept(FULL.key, Record(FULL, seen, a_vector(1)), (learned, trashed))
    for number, text in enumerate(TEXTS.values()):
        pattern = a_pattern(f"t{number}", text, code=text, output=text or None)
        yield Kept(pattern.key, Record(pattern, vector=a_vector(number)), (learned,))
    yield Kept("u", a_record("u"), ())
    yield Kept("v", None, (learned, an_event(Action.PURGED, 32, "30 days in the trash")))


def fill(store: PatternStore, scope: Scope = SHOP) -> None:
    with store.write(scope) as writer:
        writer.choose_model(MODEL)
        writer.take_over(list(everything_there_is()), an_event(Action.IMPORTED))
        writer.put_clusters([a_cluster("c", weight=1.1 + 2.2), a_cluster("d", "no tests")])
        writer.record_run(AgingRun("aging-1", days(2), 1, 0))


def copied(
    source: PatternStore,
    target: PatternStore,
    *scopes: Scope,
    on_conflict: CopyConflict = CopyConflict.FAIL,
) -> CopyReport:
    """The report of a copy of these scopes, by default ``SHOP``, some patterns at a time."""
    copier = Copier(source, target, on_conflict=on_conflict, batch_keys=4)
    plan = copier.plan(scopes or [SHOP], target=target.place)
    copier.copy(plan, target, owner="me", now=NOW)
    report = copier.verify(plan)
    complete(report)
    return report


def exported(store: PatternStore, scope: Scope = SHOP) -> bytes:
    """An export without its first line, which names the storage."""
    return b"".join(export(store, scope, with_vectors=True)).partition(b"\n")[2].rpartition(b"{")[0]
