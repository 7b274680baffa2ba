from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Refused
from engramia_core.library import Memory, this_process, utc_now
from engramia_core.memory.duplicates import OnDuplicate, Outcome
from engramia_core.memory.pattern import Source
from engramia_core.memory.recall_report import Question
from engramia_core.memory.stored import Action
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, days
from engramia_core.testing.embeddings import HashEmbeddings
from engramia_core.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.memory.store import PatternStore

SORT = "sort a list of numbers"


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(any_store: PatternStore, clock: Clock) -> Memory:
    return Memory(any_store, HashEmbeddings(), clock=clock)


def test_what_was_learned_is_recalled(memory: Memory) -> None:
    answer = memory.learn(SORT, "x.sort()", 8.0, output="[1]", run_id="r", skills=["sort"])
    assert answer.outcome is Outcome.LEARNED
    (match,) = memory.recall(SORT).matches
    assert match.pattern == memory.get(answer.key)
    assert (match.pattern.source, match.pattern.created_at) == (Source.SDK, START)
    assert memory.recall(Question("bake bread")).matches == ()
    assert memory.metrics().live == 1


def test_near_duplicates_are_treated_as_wanted(memory: Memory) -> None:
    memory.learn(SORT, "old", 3.0)
    assert memory.learn(SORT, "new", 9.0, on_duplicate=OnDuplicate.SKIP).outcome is Outcome.SKIPPED
    assert memory.learn(SORT, "new", 9.0).outcome is Outcome.REPLACED


def test_a_pattern_is_judged_used_and_its_history_kept(memory: Memory, clock: Clock) -> None:
    key = memory.learn(SORT, "x", 8.0).key
    clock.now = days(7)
    assert memory.refine(key, 6.0, "too slow").quality == pytest.approx(7.0, abs=0.1)
    assert memory.reuse(key).survival == pytest.approx(8 * 0.98 + 0.1)
    assert [o.score for o in memory.observations(key)] == [8.0, 6.0]
    assert [e.action for e in memory.history(key)] == [
        Action.LEARNED,
        Action.OBSERVED,
        Action.REUSED,
    ]
    memory.refine(key, 6.0, "too slow")
    assert [issue.text for issue in memory.get_feedback()] == ["too slow"]
    clock.now = days(400)
    assert memory.run_feedback_decay().kept == 0


def test_what_is_deleted_or_forgotten_comes_back(memory: Memory, clock: Clock) -> None:
    key = memory.learn(SORT, "x", 0.2).key
    memory.delete(key)
    memory.restore(key)
    clock.now = days(365)
    assert len(memory.run_aging(plan=True).pruned) == 1
    with pytest.raises(Refused, match="more than 20 %"):
        memory.run_aging()
    run = memory.run_aging(max_prune_percent=100).run
    assert run is not None
    assert [r.run for r in memory.aging_runs()] == [run]
    assert memory.undo_aging(run).restored == (key,)


def test_patterns_are_found_by_their_skills(memory: Memory) -> None:
    one = memory.learn(SORT, "x", skills=["a", "b"]).key
    other = memory.learn("parse a date", "x", skills=["a"]).key
    memory.register_skills(other, ["c"])
    assert {pattern.key for pattern in memory.find_by_skills(["a"])} == {one, other}
    assert [pattern.key for pattern in memory.find_by_skills(["a", "c"])] == [other]
    assert len(memory.find_by_skills(["a"], limit=1)) == 1


def test_an_export_can_be_imported_as_bytes_or_as_a_file(memory: Memory) -> None:
    memory.learn(SORT, "x", 8.0)
    content = b"".join(memory.export(with_vectors=True))
    for file in (content, BytesIO(content)):
        copy = Memory(MemoryStore(), HashEmbeddings())
        assert copy.import_data(file, plan=True).added == 1
        assert copy.import_data(file).vectors_reused == 1


def test_scopes_are_strangers(any_store: PatternStore) -> None:
    one, other = (
        Memory(any_store, HashEmbeddings(), scope=Scope("acme", project))
        for project in ("shop", "blog")
    )
    one.learn(SORT, "x")
    assert other.recall(SORT).matches == ()
    assert other.metrics().live == 0


def test_without_a_provider_recall_is_by_words_and_nothing_is_reindexed(
    any_store: PatternStore,
) -> None:
    bare = Memory(any_store, None)
    bare.learn(SORT, "x")
    assert bare.recall(SORT).method == "lexical"
    with pytest.raises(Refused, match="no embedding provider"):
        bare.reindex()
    full = Memory(any_store, HashEmbeddings())
    assert full.reindex(plan=True).embedded == full.reindex().embedded == 1
    assert full.recall(SORT).method == "vector"


def test_the_clock_tells_utc_and_a_lock_names_this_process() -> None:
    assert utc_now().utcoffset() == timedelta(0)
    assert this_process().startswith("process ")


def test_closing_gives_back_the_store(memory: Memory) -> None:
    memory.close()
