from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Busy, Unavailable
from engramia_core.memory.learn import learn
from engramia_core.memory.pattern import Draft
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import Question
from engramia_core.memory.reindex import ReindexReport, plan_reindex, reindex
from engramia_core.memory.store import Action, EmbeddingModel
from engramia_core.memory.upkeep import delete, restore
from engramia_core.testing.builders import START, days
from engramia_core.testing.embeddings import HashEmbeddings
from tests.unit.steps import SCOPE, embedder, learned_key, live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import EmbeddingProvider, Matrix
    from engramia_core.memory.store import PatternStore

OTHER = EmbeddingModel("other", 32)


def redone(store: PatternStore, provider: EmbeddingProvider) -> ReindexReport:
    return reindex(store, embedder(store, provider), SCOPE, now=days(1), owner="me")


def filled(store: PatternStore, count: int = 3) -> None:
    for number in range(count):
        learned_key(store, f"task number {number}")


def finds_all(store: PatternStore, provider: EmbeddingProvider) -> bool:
    given = embedder(store, provider)
    tasks = [record.pattern.task for record in live(store).values()]
    return all(
        recall(store, given, SCOPE, Question(task, limit=1), now=START).matches[0].pattern.task
        == task
        for task in tasks
    )


@pytest.mark.parametrize("model", [OTHER, EmbeddingModel("hashed-words", 32)])
def test_every_pattern_gets_a_vector_of_another_model(
    any_store: PatternStore, model: EmbeddingModel
) -> None:
    filled(any_store)
    provider = HashEmbeddings(model.model_id, model.dimensions)
    planned = plan_reindex(any_store, embedder(any_store, provider), SCOPE)
    assert any_store.model(SCOPE) == EmbeddingModel("hashed-words", 64)
    report = redone(any_store, provider)
    assert report == ReindexReport(False, "hashed-words", model.model_id, 3, 3, 3 * 13)
    assert (planned.planned, planned.embedded, planned.characters) == (True, 3, 39)
    assert any_store.model(SCOPE) == model
    assert provider.embedded == [record.pattern.task for record in live(any_store).values()]
    assert finds_all(any_store, provider)
    actions = [event.action for event in any_store.history(SCOPE, min(live(any_store)))]
    assert actions == [Action.LEARNED]


def test_a_plan_embeds_nothing(any_store: PatternStore) -> None:
    filled(any_store)
    provider = HashEmbeddings("other", 32)
    plan_reindex(any_store, embedder(any_store, provider), SCOPE)
    assert provider.embedded == []


def test_with_the_same_model_there_is_nothing_to_do(any_store: PatternStore) -> None:
    filled(any_store)
    provider = HashEmbeddings()
    assert plan_reindex(any_store, embedder(any_store, provider), SCOPE).embedded == 0
    assert redone(any_store, provider).embedded == 0
    assert provider.embedded == []


def test_what_was_learned_without_a_provider_gets_its_vector(any_store: PatternStore) -> None:
    drafts = [Draft(f"task number {number}", "x") for number in range(300)]
    learn(any_store, None, SCOPE, drafts, now=START)
    seen: list[int] = []
    provider = HashEmbeddings()
    given = embedder(any_store, provider)
    report = reindex(any_store, given, SCOPE, now=START, owner="me", progress=seen.append)
    assert (report.model_before, report.embedded, sum(seen)) == (
        "none",
        len(live(any_store)),
        len(live(any_store)),
    )
    assert any_store.counts(SCOPE).embedded == any_store.counts(SCOPE).live


class Failing(HashEmbeddings):
    """Answers once, then no more."""

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        if self.embedded:
            raise Unavailable("gone")
        return super().embed(texts)


def test_a_reindex_that_failed_half_way_goes_on_where_it_stopped(any_store: PatternStore) -> None:
    drafts = [Draft(f"a{n} b{n} c{n}", "x") for n in range(300)]
    learn(any_store, embedder(any_store), SCOPE, drafts, now=START)
    with pytest.raises(Unavailable):
        redone(any_store, Failing("other", 32))
    done = any_store.counts(SCOPE).embedded
    assert 0 < done < 300
    provider = HashEmbeddings("other", 32)
    assert plan_reindex(any_store, embedder(any_store, provider), SCOPE).embedded == 300 - done
    assert redone(any_store, provider).embedded == 300 - done
    assert len(provider.embedded) == 300 - done
    assert any_store.counts(SCOPE).embedded == 300


def test_a_second_reindex_is_told_who_runs_the_first(any_store: PatternStore) -> None:
    filled(any_store)
    with (
        any_store.alone(SCOPE, "reindex", owner="process 7", now=START),
        pytest.raises(Busy, match="reindex is already running: process 7"),
    ):
        redone(any_store, HashEmbeddings("other", 32))
    assert any_store.model(SCOPE) == EmbeddingModel("hashed-words", 64)


def test_what_lay_in_the_trash_gets_its_vector_once_it_is_back(any_store: PatternStore) -> None:
    filled(any_store)
    key = min(live(any_store))
    delete(any_store, SCOPE, key, now=START)
    provider = HashEmbeddings("other", 32)
    assert redone(any_store, provider).embedded == 2
    restore(any_store, SCOPE, key, now=START)
    assert any_store.counts(SCOPE).embedded == 2
    assert redone(any_store, provider).embedded == 1
    assert finds_all(any_store, provider)


def test_a_pattern_that_changed_while_it_was_embedded_is_looked_at_again(
    any_store: PatternStore,
) -> None:
    filled(any_store)
    key = min(live(any_store))

    class Slow(HashEmbeddings):
        @override
        def embed(self, texts: Sequence[str]) -> Matrix:
            if not self.embedded:
                delete(any_store, SCOPE, key, now=START)
            return super().embed(texts)

    assert redone(any_store, Slow("other", 32)).embedded == 2
    assert any_store.counts(SCOPE).embedded == any_store.counts(SCOPE).live == 2
