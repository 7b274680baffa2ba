from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Busy, InvalidInput, Refused, Unavailable
from engramia_core.memory.comparison import Golden, Quality
from engramia_core.memory.embedder import Embedder
from engramia_core.memory.learn import learn
from engramia_core.memory.pace import Pace
from engramia_core.memory.pattern import Draft
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import Question
from engramia_core.memory.reindex import (
    BATCH,
    Estimate,
    Reindexing,
    ReindexReport,
    drop_old,
    former_model,
    old_models,
    reindex,
)
from engramia_core.memory.reindex_plan import plan_reindex
from engramia_core.memory.stored import Action, EmbeddingModel, KnownModel
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
    return reindex(store, embedder(store, provider), SCOPE, Reindexing("me"), now=days(1))


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
    assert report == ReindexReport(
        False, "hashed-words", model.model_id, 3, 3, 3 * 13, True, None, report.not_compared
    )
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
    report = reindex(any_store, given, SCOPE, Reindexing("me", progress=seen.append), now=START)
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
    done = 300 - len(any_store.without_vector(SCOPE, limit=999, model=OTHER))
    assert 0 < done < 300
    assert any_store.model(SCOPE) == EmbeddingModel("hashed-words", 64)
    assert any_store.counts(SCOPE).embedded == 300
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


def opening(store: PatternStore, provider: EmbeddingProvider) -> Embedder:
    """An embedder that opens every other model by hashed words."""
    return Embedder(provider, store, lambda m: HashEmbeddings(m.model_id, m.dimensions))


def changed(store: PatternStore, how: Reindexing, model: EmbeddingModel = OTHER) -> ReindexReport:
    provider = HashEmbeddings(model.model_id, model.dimensions)
    return reindex(store, opening(store, provider), SCOPE, how, now=days(1))


def test_recall_finds_everything_by_the_old_model_while_the_new_one_is_filled(
    any_store: PatternStore,
) -> None:
    filled(any_store)

    class Watching(HashEmbeddings):
        @override
        def embed(self, texts: Sequence[str]) -> Matrix:
            assert any_store.model(SCOPE) == EmbeddingModel("hashed-words", 64)
            assert finds_all(any_store, HashEmbeddings())
            return super().embed(texts)

    target = embedder(any_store, Watching("other", 32))
    assert reindex(any_store, target, SCOPE, Reindexing("me", 2), now=START).embedded == 3
    assert any_store.model(SCOPE) == OTHER


def test_what_is_learned_meanwhile_is_caught_up_and_the_last_few_with_the_switch(
    any_store: PatternStore,
) -> None:
    filled(any_store, 3)
    names = iter(range(100, 9999))

    class Beside(HashEmbeddings):
        """Somebody learns beside its first two calls."""

        calls = 0

        @override
        def embed(self, texts: Sequence[str]) -> Matrix:
            self.calls += 1
            for _ in range({1: BATCH + 5, 2: 1}.get(self.calls, 0)):
                learned_key(any_store, f"task number {next(names)}")
            return super().embed(texts)

    report = redone(any_store, Beside("other", 32))
    assert report.embedded == any_store.counts(SCOPE).embedded == 3 + BATCH + 6
    assert any_store.without_vector(SCOPE, limit=9) == []


def test_the_way_back_embeds_only_what_was_learned_since(any_store: PatternStore) -> None:
    filled(any_store)
    changed(any_store, Reindexing("me"))
    assert former_model(any_store, SCOPE) == EmbeddingModel("hashed-words", 64)
    other = opening(any_store, HashEmbeddings("other", 32))
    learn(any_store, other, SCOPE, [Draft("something new", "x")], now=START)
    provider = HashEmbeddings()
    assert redone(any_store, provider).switched
    assert provider.embedded == ["something new"]
    assert finds_all(any_store, provider)


def test_without_another_model_or_with_several_there_is_no_way_back(
    any_store: PatternStore,
) -> None:
    filled(any_store)
    with pytest.raises(Refused, match="no vectors of another model"):
        former_model(any_store, SCOPE)
    changed(any_store, Reindexing("me"))
    changed(any_store, Reindexing("me"), EmbeddingModel("third", 16))
    with pytest.raises(Refused, match=r"several other models: hashed-words \(3 vectors\), other"):
        former_model(any_store, SCOPE)


def test_old_vectors_stay_until_they_are_dropped(any_store: PatternStore) -> None:
    filled(any_store)
    changed(any_store, Reindexing("me"))
    old = KnownModel(EmbeddingModel("hashed-words", 64), is_active=False, vectors=3)
    assert old_models(any_store, SCOPE) == [old]
    assert drop_old(any_store, SCOPE, now=START, owner="me").dropped == (old,)
    assert old_models(any_store, SCOPE) == []
    assert drop_old(any_store, SCOPE, now=START, owner="me").dropped == ()
    assert finds_all(any_store, HashEmbeddings("other", 32))


def test_the_models_are_compared_on_stored_tasks(any_store: PatternStore) -> None:
    filled(any_store)
    comparison = changed(any_store, Reindexing("me")).comparison
    assert comparison is not None
    assert (comparison.questions, comparison.is_golden) == (3, False)
    assert 0 < comparison.agreement <= 1
    assert comparison.before is comparison.after is None


def test_golden_questions_tell_how_well_both_models_answer(any_store: PatternStore) -> None:
    sort, parse = (learned_key(any_store, task) for task in ("sort a list", "parse a date"))
    golden = [
        Golden("sort a list", (sort,)),
        Golden("parse a date", (parse, "another")),
        Golden("bake bread", (sort,)),
        Golden("sort a list", ("no-such-key",)),
    ]
    comparison = changed(any_store, Reindexing("me", golden=golden)).comparison
    assert comparison is not None
    assert (comparison.questions, comparison.is_golden) == (4, True)
    assert comparison.before == Quality(hit_rate=0.5, mrr=0.5)


class Unlike(HashEmbeddings):
    """Finds nothing alike but what is the same."""

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        return super().embed([f"{text}".replace(" ", "") for text in texts])


def test_models_that_agree_too_little_are_not_changed(any_store: PatternStore) -> None:
    for word in ("list", "table", "file"):
        learned_key(any_store, f"sort a {word}")
    target = opening(any_store, Unlike("unlike", 4096))
    strict = Reindexing("me", min_agreement=0.9)
    report = reindex(any_store, target, SCOPE, strict, now=START)
    assert report.comparison is not None
    assert report.comparison.agreement == pytest.approx(1 / 3)
    assert not report.switched
    assert any_store.model(SCOPE) == EmbeddingModel("hashed-words", 64)
    loose = Reindexing("me", min_agreement=0.3)
    again = reindex(any_store, target, SCOPE, loose, now=START)
    assert (again.switched, again.embedded) == (True, 0)


def test_a_comparison_that_was_asked_for_and_cannot_be_made_is_refused(
    any_store: PatternStore,
) -> None:
    filled(any_store)
    target = embedder(any_store, HashEmbeddings("other", 32))
    with pytest.raises(Refused, match="the models cannot be compared: scope default/default is"):
        reindex(any_store, target, SCOPE, Reindexing("me", min_agreement=0.5), now=START)
    assert any_store.models(SCOPE) == [KnownModel(EmbeddingModel("hashed-words", 64), True, 3)]


def test_embedding_keeps_its_pace(any_store: PatternStore) -> None:
    filled(any_store, 7)
    slept: list[float] = []
    now_s = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now_s[0] += seconds

    pace = Pace(2, clock_s=lambda: now_s[0], sleep=sleep)
    assert changed(any_store, Reindexing("me", pace=pace)).embedded == 7
    assert slept == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_pace_that_would_never_end_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput):
        Pace(rate)


class Local(HashEmbeddings):
    @property
    @override
    def is_local(self) -> bool:
        return True

    @property
    @override
    def usd_per_million_tokens(self) -> float:
        return 2.0


def test_a_plan_tells_texts_tokens_price_and_for_a_local_model_the_time(
    any_store: PatternStore,
) -> None:
    filled(any_store)
    learned_key(any_store, "task number 0", "other code")
    ticks = iter([10.0, 13.0])
    target = embedder(any_store, Local("other", 32))
    plan = plan_reindex(any_store, target, SCOPE, clock_s=lambda: next(ticks))
    assert (plan.embedded, plan.characters) == (4, 39)
    assert plan.estimate == Estimate(texts=3, tokens=10, usd=2e-5, seconds=3.0)
    assert any_store.models(SCOPE) == [KnownModel(EmbeddingModel("hashed-words", 64), True, 4)]


def test_what_a_plan_does_not_know_it_does_not_tell(any_store: PatternStore) -> None:
    filled(any_store)
    target = embedder(any_store, HashEmbeddings("other", 32))
    estimate = plan_reindex(any_store, target, SCOPE).estimate
    assert estimate is not None
    assert (estimate.usd, estimate.seconds) == (None, None)
