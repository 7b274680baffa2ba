from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engramia_core.errors import InvalidInput, Refused, Unavailable
from engramia_core.memory.duplicates import OnDuplicate, Outcome
from engramia_core.memory.learn import learn
from engramia_core.memory.pattern import Classification, Draft, Source, TrashReason
from engramia_core.memory.stored import Action
from engramia_core.memory.words import SAME_TASK, jaccard, words_of
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, days
from engramia_core.testing.embeddings import FailingEmbeddings, HashEmbeddings
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, asked, embedder, learned, live, stored

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

SORT = "sort a list of numbers in place"
SORT_TOO = "sort a list of numbers in place quickly"
PARSE = "parse a date in ISO format"


def test_a_new_task_becomes_a_pattern_with_vector_and_observation(any_store: PatternStore) -> None:
    draft = Draft(
        SORT,
        "x.sort()",
        8.0,
        output="[1, 2]",
        run_id="run-1",
        source=Source.CLI,
        classification=Classification.PUBLIC,
        skills=("sort", "list"),
    )
    (answer,) = learned(any_store, draft)
    assert (answer.outcome, answer.rivals) == (Outcome.LEARNED, ())
    pattern = stored(any_store, answer.key)
    assert (pattern.task, pattern.code, pattern.output) == (SORT, "x.sort()", "[1, 2]")
    assert (pattern.success_score, pattern.quality, pattern.survival) == (8.0, 8.0, 8.0)
    assert (pattern.run_id, pattern.source, pattern.skills) == (
        "run-1",
        Source.CLI,
        ("list", "sort"),
    )
    assert pattern.classification is Classification.PUBLIC
    assert pattern.created_at == pattern.updated_at == pattern.survival_set_at == START
    assert (pattern.reuse_count, pattern.trashed) == (0, None)
    (seen,) = any_store.observations(SCOPE, answer.key)
    assert (seen.at, seen.score, seen.source, seen.run_id) == (START, 8.0, Source.CLI, "run-1")
    assert [event.action for event in any_store.history(SCOPE, answer.key)] == [Action.LEARNED]
    assert asked(any_store, SORT).matches[0].pattern == pattern
    counts = any_store.counts(SCOPE)
    assert (counts.live, counts.embedded, counts.observations) == (1, 1, 1)


def test_an_unrated_draft_has_no_observation_and_half_the_survival(any_store: PatternStore) -> None:
    (answer,) = learned(any_store, Draft(SORT, "x"))
    pattern = stored(any_store, answer.key)
    assert (pattern.success_score, pattern.quality, pattern.survival) == (None, None, 5.0)
    assert any_store.observations(SCOPE, answer.key) == []


def test_a_better_answer_takes_the_place_of_the_worse_ones(any_store: PatternStore) -> None:
    first, second = (
        learned(any_store, Draft(task, task, 5.0), on_duplicate=OnDuplicate.KEEP_BOTH)[0].key
        for task in (SORT, SORT_TOO)
    )
    (answer,) = learned(any_store, Draft(SORT, "better", 9.0), at=days(1))
    assert answer.outcome is Outcome.REPLACED
    assert set(answer.rivals) == {first, second}
    assert list(live(any_store)) == [answer.key]
    for key in (first, second):
        trashed = stored(any_store, key).trashed
        assert trashed is not None
        assert (trashed.at, trashed.reason, trashed.run) == (days(1), TrashReason.REPLACED, None)
        assert any_store.history(SCOPE, key)[-1].detail == f"replaced by {answer.key}"


def test_a_worse_answer_is_not_kept(any_store: PatternStore) -> None:
    (first,) = learned(any_store, Draft(SORT, "good", 9.0))
    before = live(any_store)
    (answer,) = learned(any_store, Draft(SORT_TOO, "bad", 3.0), at=days(1))
    assert (answer.outcome, answer.key) == (Outcome.KEPT_EXISTING, first.key)
    assert live(any_store) == before


def test_the_same_code_again_is_one_more_observation(any_store: PatternStore) -> None:
    (first,) = learned(any_store, Draft(SORT, "x", 9.0))
    (again,) = learned(any_store, Draft(SORT_TOO, "x", 5.0, run_id="run-2"), at=days(1))
    assert (again.outcome, again.key) == (Outcome.OBSERVED, first.key)
    pattern = stored(any_store, first.key)
    assert pattern.success_score == 9.0
    assert pattern.quality == pytest.approx(7.0, abs=0.05)
    assert pattern.updated_at == days(1)
    assert [o.run_id for o in any_store.observations(SCOPE, first.key)] == [None, "run-2"]


def test_the_history_says_what_became_of_it_even_at_zero(any_store: PatternStore) -> None:
    (first,) = learned(any_store, Draft(SORT, "x"))
    learned(any_store, Draft(SORT, "x", 0.0), at=days(1))
    event = any_store.history(SCOPE, first.key)[-1]
    assert (event.action, event.detail) == (Action.OBSERVED, "learned again, now 0.0")


def test_the_same_code_without_a_score_changes_nothing(any_store: PatternStore) -> None:
    (first,) = learned(any_store, Draft(SORT, "x", 9.0))
    before = live(any_store)
    (again,) = learned(any_store, Draft(SORT, "x"), at=days(1))
    assert (again.outcome, again.key) == (Outcome.SKIPPED, first.key)
    assert live(any_store) == before


@pytest.mark.parametrize(
    ("on_duplicate", "codes"),
    [
        (OnDuplicate.REPLACE_WITH_BETTER, {"new"}),
        (OnDuplicate.KEEP_BOTH, {"old", "new"}),
        (OnDuplicate.SKIP, {"old"}),
    ],
)
def test_what_the_learner_wants_is_done(
    any_store: PatternStore, on_duplicate: OnDuplicate, codes: set[str]
) -> None:
    learned(any_store, Draft(SORT, "old", 3.0))
    learned(any_store, Draft(SORT_TOO, "new", 8.0), on_duplicate=on_duplicate)
    assert {record.pattern.code for record in live(any_store).values()} == codes


def test_the_drafts_of_one_transaction_meet_one_another(any_store: PatternStore) -> None:
    answers = learned(
        any_store,
        Draft(SORT, "a", 5.0),
        Draft(SORT_TOO, "b", 8.0),
        Draft(PARSE, "c", 5.0),
        Draft(SORT, "b", 2.0),
        Draft(SORT, "d", 1.0),
    )
    learnt, replaced, parsed, observed, kept = answers
    assert [answer.outcome.value for answer in answers] == [
        "learned",
        "replaced",
        "learned",
        "observed",
        "kept-existing",
    ]
    assert replaced.rivals == (learnt.key,)
    assert observed.key == kept.key == replaced.key
    assert set(live(any_store)) == {replaced.key, parsed.key}
    assert stored(any_store, replaced.key).quality == pytest.approx(5.0)
    assert len(any_store.observations(SCOPE, replaced.key)) == 2


def test_a_stored_pattern_is_observed_by_several_drafts_of_one_transaction(
    any_store: PatternStore,
) -> None:
    (first,) = learned(any_store, Draft(SORT, "x", 8.0))
    learned(any_store, *[Draft(SORT, "x", score) for score in (7.0, 9.0)], at=days(1))
    assert [o.score for o in any_store.observations(SCOPE, first.key)] == [8.0, 7.0, 9.0]
    assert stored(any_store, first.key).quality == pytest.approx(8.0, abs=0.1)


def test_a_stored_pattern_is_observed_and_then_replaced_in_one_transaction(
    any_store: PatternStore,
) -> None:
    (first,) = learned(any_store, Draft(SORT, "x", 6.0))
    _, better = learned(any_store, Draft(SORT, "x", 4.0), Draft(SORT, "y", 9.0), at=days(1))
    assert better.outcome is Outcome.REPLACED
    assert list(live(any_store)) == [better.key]
    assert stored(any_store, first.key).quality == pytest.approx(5.0, abs=0.05)
    assert len(any_store.observations(SCOPE, first.key)) == 2


def test_what_lies_in_the_trash_is_no_rival(any_store: PatternStore) -> None:
    (first,) = learned(any_store, Draft(SORT, "x", 3.0))
    learned(any_store, Draft(SORT, "y", 9.0))
    (again,) = learned(any_store, Draft(SORT, "x", 9.5), at=days(1))
    assert again.outcome is Outcome.REPLACED
    assert again.key != first.key


def test_scopes_are_strangers(any_store: PatternStore) -> None:
    learned(any_store, Draft(SORT, "x", 9.0))
    (answer,) = learned(any_store, Draft(SORT, "x", 9.0), scope=Scope("acme", "shop"))
    assert answer.outcome is Outcome.LEARNED
    assert any_store.counts(SCOPE).live == 1


def test_a_wrong_draft_is_named_and_none_of_them_is_stored(any_store: PatternStore) -> None:
    with pytest.raises(InvalidInput, match="score nan"):
        learned(any_store, Draft(SORT, "x", 9.0), Draft(PARSE, "x", math.nan))
    assert any_store.counts(SCOPE).live == 0


def test_a_failing_provider_stores_nothing(any_store: PatternStore) -> None:
    failing = embedder(any_store, FailingEmbeddings())
    with pytest.raises(Unavailable):
        learn(any_store, failing, SCOPE, [Draft(SORT, "x")], now=START)
    assert any_store.counts(SCOPE).live == 0
    assert any_store.model(SCOPE) is None


def test_another_model_than_the_scopes_is_refused(any_store: PatternStore) -> None:
    learned(any_store, Draft(SORT, "x"))
    other = embedder(any_store, HashEmbeddings("other"))
    with pytest.raises(Refused, match="searched by hashed-words") as caught:
        learn(any_store, other, SCOPE, [Draft(PARSE, "x")], now=START)
    assert "engramia reindex" in (caught.value.hint or "")
    assert any_store.counts(SCOPE).live == 1


def test_without_a_provider_a_pattern_is_found_by_its_words(any_store: PatternStore) -> None:
    (answer,) = learn(any_store, None, SCOPE, [Draft(SORT, "x")], now=START)
    assert any_store.model(SCOPE) is None
    assert asked(any_store, SORT, by_words=True).matches[0].pattern.key == answer.key


def test_nothing_to_learn_is_nothing_to_do(any_store: PatternStore) -> None:
    assert learned(any_store) == ()
    assert any_store.model(SCOPE) is None


WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8).map(" ".join)
DRAFTS = st.builds(Draft, WORDS, st.sampled_from(["x", "y"]), st.none() | st.floats(0, 10))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DRAFTS, max_size=12), st.integers(1, 4))
def test_no_two_live_patterns_are_near_duplicates_however_drafts_are_batched(
    drafts: list[Draft], size: int
) -> None:
    store = MemoryStore()
    for start in range(0, len(drafts), size):
        learned(store, *drafts[start : start + size])
    texts = [words_of(record.pattern.task) for record in live(store).values()]
    assert all(
        jaccard(one, other) <= SAME_TASK
        for number, one in enumerate(texts)
        for other in texts[:number]
    )


@given(st.lists(DRAFTS, max_size=10))
def test_one_transaction_learns_what_one_draft_after_the_other_does(drafts: list[Draft]) -> None:
    at_once, one_by_one = MemoryStore(), MemoryStore()
    answers = learned(at_once, *drafts)
    singles = [answer for draft in drafts for answer in learned(one_by_one, draft)]
    assert [answer.outcome for answer in answers] == [answer.outcome for answer in singles]

    def known(store: MemoryStore) -> list[tuple[str, str, float | None]]:
        patterns = (record.pattern for record in live(store).values())
        return sorted((p.task, p.code, p.quality or -1) for p in patterns)

    assert known(at_once) == known(one_by_one)
