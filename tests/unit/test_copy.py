from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Busy, Incomplete, NotFound, Refused
from engramia_core.memory.copy import Copier, complete
from engramia_core.memory.copy_report import CopyConflict
from engramia_core.memory.stored import Action, EmbeddingModel
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    days,
)
from engramia_core.testing.contracts.store_case import put
from engramia_core.testing.memory_store import MemoryStore
from tests.copying import BLOG, NOW, SHOP, copied, everything_there_is, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.memory.stored import Kept
    from engramia_core.scope import Scope

COUNT = len(list(everything_there_is())) + 3
"""Patterns, issues and runs of the filled scope."""


@pytest.fixture
def source() -> MemoryStore:
    store = MemoryStore()
    fill(store)
    return store


@pytest.fixture
def target() -> MemoryStore:
    return MemoryStore()


def planned(source: MemoryStore, target: MemoryStore | None, *scopes: Scope) -> object:
    return Copier(source, target).plan(scopes or [SHOP], target="there")


def test_a_plan_counts_what_there_is(source: MemoryStore) -> None:
    (each,) = Copier(source, None).plan([SHOP], target="there").scopes
    assert (each.live, each.trashed, each.purged) == (9, 1, 1)
    assert (each.observations, each.events, each.vectors) == (2, 12, 9)
    assert (each.issues, each.runs, each.model, each.target_model) == (2, 1, MODEL, None)
    assert (each.new, each.unchanged, each.conflicts, each.checked) == (COUNT, 0, 0, None)


def test_a_plan_writes_nothing(source: MemoryStore, target: MemoryStore) -> None:
    planned(source, target)
    assert target.scopes() == []


def test_both_sides_are_the_same_afterwards(source: MemoryStore, target: MemoryStore) -> None:
    (each,) = copied(source, target).scopes
    assert each.checked is not None
    assert each.checked.compared == COUNT
    assert each.checked.source_sha256 == each.checked.target_sha256
    assert list(target.kept(SHOP)) == list(source.kept(SHOP))
    assert target.clusters(SHOP) == source.clusters(SHOP)
    assert target.aging_runs(SHOP) == source.aging_runs(SHOP)
    assert target.model(SHOP) == MODEL


def test_a_second_copy_changes_nothing(source: MemoryStore, target: MemoryStore) -> None:
    first = copied(source, target).scopes[0]
    (second,) = copied(source, target).scopes
    assert (second.new, second.unchanged, second.conflicts) == (0, COUNT, 0)
    assert second.checked == first.checked


def test_what_the_target_has_besides_stays(source: MemoryStore, target: MemoryStore) -> None:
    put(target, a_record("0"), a_record("zz", seed=5), scope=SHOP)
    copied(source, target)
    assert set(target.get(SHOP, ["0", "zz"])) == {"0", "zz"}
    assert target.live_count(SHOP) == 11


def changed(target: MemoryStore) -> None:
    """Two patterns and an issue are otherwise in the target."""
    with target.write(SHOP) as writer:
        writer.update([a_pattern("t1", "other"), a_pattern("t3", "other")], an_event())
        writer.put_clusters([a_cluster("c", "other")])


def test_a_conflict_is_refused_before_anything_is_written(source: MemoryStore) -> None:
    target = MemoryStore()
    fill(target)
    changed(target)
    put(source, a_record("0new"), scope=SHOP)
    before = list(target.kept(SHOP))
    with pytest.raises(Refused, match=r"3 of acme/shop .* t1, t3, issue c; nothing was copied"):
        copied(source, target)
    assert list(target.kept(SHOP)) == before


def test_a_conflict_in_one_scope_keeps_the_others_unwritten(
    source: MemoryStore, target: MemoryStore
) -> None:
    fill(source, BLOG)
    fill(target)
    changed(target)
    with pytest.raises(Refused):
        copied(source, target, BLOG, SHOP)
    assert target.scopes() == [SHOP]


def test_conflicts_can_be_skipped(source: MemoryStore, target: MemoryStore) -> None:
    fill(target)
    changed(target)
    put(source, a_record("0new"), scope=SHOP)
    (each,) = copied(source, target, on_conflict=CopyConflict.SKIP).scopes
    assert (each.new, each.conflicts) == (1, 3)
    assert each.checked is not None
    assert (each.checked.compared, each.checked.differing) == (COUNT - 3 + 1, 0)
    assert target.get(SHOP, ["t1"])["t1"].task == "other"
    assert target.clusters(SHOP)[0].text == "other"
    assert "0new" in target.get(SHOP, ["0new"])


def test_conflicts_can_be_overwritten(source: MemoryStore, target: MemoryStore) -> None:
    fill(target)
    changed(target)
    copied(source, target, on_conflict=CopyConflict.OVERWRITE)
    assert list(target.kept(SHOP)) == list(source.kept(SHOP))
    assert target.clusters(SHOP) == source.clusters(SHOP)


@pytest.mark.parametrize("conflict", [CopyConflict.FAIL, CopyConflict.SKIP])
def test_vectors_of_two_models_are_not_mixed(
    conflict: CopyConflict, source: MemoryStore, target: MemoryStore
) -> None:
    with target.write(SHOP) as writer:
        writer.choose_model(EmbeddingModel("other", 4))
    with pytest.raises(Refused, match=r"searched by other \(4 dimensions\)"):
        copied(source, target, on_conflict=conflict)
    assert list(target.kept(SHOP)) == []
    copied(source, target, on_conflict=CopyConflict.OVERWRITE)
    assert target.model(SHOP) == MODEL


def test_a_source_without_a_model_leaves_the_targets(target: MemoryStore) -> None:
    source = MemoryStore()
    put(source, a_record("a"), a_record("b"), scope=SHOP)
    put(target, a_record("a", seed=1), scope=SHOP)
    (each,) = copied(source, target).scopes
    assert (each.new, each.unchanged, each.conflicts) == (1, 1, 0)
    assert target.model(SHOP) == MODEL


def test_a_missing_vector_is_a_difference(source: MemoryStore, target: MemoryStore) -> None:
    fill(target)
    with target.write(SHOP) as writer:
        writer.choose_model(EmbeddingModel("for a moment", 4))
        writer.drop_model(MODEL, limit=100)
        writer.choose_model(MODEL)
    (each,) = Copier(source, target).plan([SHOP], target="there").scopes
    assert each.conflicts == each.vectors == 9


class CarelessStore(MemoryStore):
    """Loses the last bit of what it is asked for."""

    @override
    def kept(self, scope: Scope, *, after: str = "", until: str | None = None) -> Iterator[Kept]:
        for kept in super().kept(scope, after=after, until=until):
            if kept.key == "t2" and kept.record and until is None:
                vector = a_vector(3)
                yield replace(kept, record=replace(kept.record, vector=vector))
            else:
                yield kept


def test_a_copy_that_is_not_the_same_is_incomplete(source: MemoryStore) -> None:
    target = CarelessStore()
    copier = Copier(source, target)
    plan = copier.plan([SHOP], target="there")
    copier.copy(plan, target, owner="me", now=NOW)
    report = copier.verify(plan)
    checked = report.scopes[0].checked
    assert checked is not None
    assert checked.source_sha256 != checked.target_sha256
    assert (checked.differing, checked.first_differing) == (1, ("t2",))
    with pytest.raises(Incomplete, match="1 of acme/shop differ from the source: t2"):
        complete(report)


def test_who_writes_meanwhile_is_noticed(source: MemoryStore, target: MemoryStore) -> None:
    copier = Copier(source, target)
    plan = copier.plan([SHOP], target="there")
    put(target, a_record("t1", "somebody else's"), scope=SHOP)
    with pytest.raises(Incomplete, match="t1 of acme/shop was changed while it was copied"):
        copier.copy(plan, target, owner="me", now=NOW)
    with source.write(SHOP) as writer:
        writer.purge(["t4"], an_event(Action.PURGED))
    with pytest.raises(Refused):
        copied(source, target)


def test_two_copies_into_one_scope_are_refused(source: MemoryStore, target: MemoryStore) -> None:
    with target.alone(SHOP, "copy", owner="another", now=days(1)), pytest.raises(Busy):
        copied(source, target)


def test_nothing_to_copy_is_no_copy(source: MemoryStore) -> None:
    with pytest.raises(NotFound, match="nothing in acme/blog to copy"):
        planned(source, None, BLOG)
    with pytest.raises(NotFound, match="nothing in the memory"):
        Copier(MemoryStore(), None).plan([], target="there")


def test_a_scope_that_holds_nothing_is_left_out(source: MemoryStore, target: MemoryStore) -> None:
    report = copied(source, target, BLOG, SHOP)
    assert [each.scope for each in report.scopes] == [SHOP]


def test_progress_counts_every_key(source: MemoryStore, target: MemoryStore) -> None:
    told: list[int] = []
    copier = Copier(source, target, batch_keys=5)
    plan = copier.plan([SHOP], target="there")
    copier.progress = told.append
    copier.copy(plan, target, owner="me", now=NOW)
    assert told == [5, 5, 1]
