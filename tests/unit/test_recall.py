from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import InvalidInput, Refused
from engramia_core.memory.duplicates import OnDuplicate
from engramia_core.memory.embedding import Calibration
from engramia_core.memory.filters import Filters
from engramia_core.memory.floor import FixedFloor
from engramia_core.memory.learn import learn
from engramia_core.memory.pattern import Classification, Draft, Source
from engramia_core.memory.ranking import Ranking, ReuseTier
from engramia_core.memory.recall import recall
from engramia_core.memory.recall_report import MAX_LIMIT, Match, Question
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.memory.upkeep import delete, refine
from engramia_core.testing.builders import START, days
from engramia_core.testing.embeddings import FailingEmbeddings, HashEmbeddings
from tests.unit.steps import SCOPE, asked, embedder, judged, learned, learned_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.embedding import Matrix
    from engramia_core.memory.store import PatternStore

SORT = "sort a list of numbers in place"


def keys(matches: tuple[Match, ...]) -> list[str]:
    return [match.pattern.key for match in matches]


def test_an_empty_memory_has_no_answer(any_store: PatternStore) -> None:
    report = asked(any_store, SORT)
    assert (report.method, report.note, report.matches) == ("vector", None, ())


def test_a_match_shows_every_factor_of_its_place(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=6.0)
    ranking = Ranking(recency_weight=0.5, half_life_days=10)
    report = asked(any_store, Question(SORT, ranking=ranking), at=days(20))
    (match,) = report.matches
    assert (report.floor, report.recency_weight) == (0.2, 0.5)
    assert (match.pattern.key, match.near_duplicates) == (key, ())
    assert match.similarity == pytest.approx(1.0)
    assert match.quality_factor == pytest.approx(0.8)
    assert match.recency == pytest.approx(0.25)
    assert match.effective_score == pytest.approx(1.0 * 0.8 * 0.5)
    assert match.tier is ReuseTier.DUPLICATE


def test_a_better_pattern_overtakes_a_more_similar_one(any_store: PatternStore) -> None:
    same = learned_key(any_store, "parse a date and print it", score=1.0)
    near = learned_key(any_store, "parse a date and store it somewhere safe", score=10.0)
    report = asked(any_store, "parse a date and print it")
    assert keys(report.matches) == [near, same]
    assert report.matches[1].similarity > report.matches[0].similarity


def test_without_weight_age_does_not_matter(any_store: PatternStore) -> None:
    learned_key(any_store, SORT)
    now, later = (asked(any_store, SORT, at=days(day)).matches[0] for day in (0, 3000))
    assert now.effective_score == later.effective_score


def test_a_pattern_from_the_future_counts_as_new(any_store: PatternStore) -> None:
    learned_key(any_store, SORT, at=days(30))
    question = Question(SORT, ranking=Ranking(1.0))
    assert asked(any_store, question, at=START).matches[0].recency == 1.0


def test_of_nearly_the_same_tasks_the_best_is_shown(any_store: PatternStore) -> None:
    worse = learned_key(any_store, SORT, "worse", 4.0)
    best = learned_key(any_store, SORT, "best", 9.0)
    middle = learned_key(any_store, f"{SORT} now", "middle", 8.0)
    (match,) = asked(any_store, SORT).matches
    assert match.pattern.key == best
    assert set(match.near_duplicates) == {worse, middle}


def test_a_chain_of_near_duplicates_is_one_group(any_store: PatternStore) -> None:
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
    chain = [learned_key(any_store, " ".join(words[n : n + 8])) for n in range(3)]
    (match,) = asked(any_store, "a b c d e f g h").matches
    assert {match.pattern.key, *match.near_duplicates} == set(chain)


def test_below_the_floor_nothing_is_answered_unless_it_is_wanted(any_store: PatternStore) -> None:
    key = learned_key(any_store, "water the flowers every morning")
    assert asked(any_store, SORT).matches == ()
    (match,) = asked(any_store, Question(SORT, include_irrelevant=True)).matches
    assert (match.pattern.key, match.tier) == (key, ReuseTier.FRESH)


class PickyEmbeddings(HashEmbeddings):
    """Calls only the same words relevant."""

    @property
    @override
    def calibration(self) -> Calibration:
        return Calibration(FixedFloor(0.99), adapt=0.995, duplicate=0.999)


def test_the_floor_is_the_models(any_store: PatternStore) -> None:
    learned_key(any_store, SORT)
    picky = embedder(any_store, PickyEmbeddings())
    same, near = (
        recall(any_store, picky, SCOPE, Question(task), now=START)
        for task in (SORT, f"{SORT} quickly")
    )
    assert (same.floor, len(same.matches), near.matches) == (0.99, 1, ())


def test_explain_names_every_rejected_candidate_with_its_rule(any_store: PatternStore) -> None:
    drafts = {
        "best": Draft("parse a date", "x", 9.0, skills=("py",)),
        "twin": Draft("parse a date!", "y", 8.0, skills=("py",)),
        "low": Draft("parse a date from text", "x", 2.0, skills=("py",)),
        "other": Draft("parse a date out of mail", "x", 9.0),
        "third": Draft("parse a date of a letter quickly", "x", 6.0, skills=("py",)),
        "far": Draft("water all flowers", "x", 9.0, skills=("py",)),
    }
    key = {
        name: learned(any_store, draft, on_duplicate=OnDuplicate.KEEP_BOTH)[0].key
        for name, draft in drafts.items()
    }
    filters = Filters(min_score=5, skills=("py",))
    question = Question("parse a date", limit=1, filters=filters, explain=True)
    report = asked(any_store, question)
    assert keys(report.matches) == [key["best"]]
    rules = {rejected.key: rejected.rule for rejected in report.rejected}
    far = rules.pop(key["far"])
    assert far.startswith("similarity 0.")
    assert far.endswith(" below the floor 0.200")
    assert rules == {
        key["twin"]: f"nearly the same task as {key['best']}",
        key["low"]: "quality 2.0 below --min-score 5",
        key["other"]: "without --skill py",
        key["third"]: "ranked below --limit 1",
    }
    assert asked(any_store, replace(question, explain=False)).rejected == ()


@pytest.mark.parametrize(
    ("filters", "rule"),
    [
        (Filters(classification=Classification.PUBLIC), "internal, not --classification public"),
        (Filters(source=Source.API), "from sdk, not --source api"),
        (Filters(skills=("b", "a")), "without --skill a, b"),
        (Filters(min_score=5.01), "quality 5.0 below --min-score 5.01"),
    ],
)
@pytest.mark.parametrize("by_words", [False, True])
def test_a_filter_keeps_out_what_does_not_pass_it(
    any_store: PatternStore, filters: Filters, rule: str, *, by_words: bool
) -> None:
    learned_key(any_store, SORT)
    question = Question(SORT, filters=filters, explain=True)
    report = asked(any_store, question, by_words=by_words)
    assert report.matches == ()
    assert [rejected.rule for rejected in report.rejected] == [rule]


def test_a_provider_that_fails_is_replaced_by_words_and_the_answer_says_so(
    any_store: PatternStore,
) -> None:
    key = learned_key(any_store, SORT)
    failing = embedder(any_store, FailingEmbeddings())
    report = recall(any_store, failing, SCOPE, Question(SORT), now=START)
    assert keys(report.matches) == [key]
    assert report.method == "lexical"
    assert report.note == "hashed-words does not answer: searched by words"


def test_without_a_provider_the_search_is_by_words_and_the_answer_says_so(
    any_store: PatternStore,
) -> None:
    key = learned_key(any_store, SORT)
    learned_key(any_store, "water the flowers")
    report = asked(any_store, "how do I sort a list of numbers", by_words=True)
    assert keys(report.matches) == [key]
    assert report.note == "no embedding provider: searched by words"


def test_words_that_are_not_known_are_not_relevant(any_store: PatternStore) -> None:
    learned_key(any_store, SORT)
    assert asked(any_store, "bake a cake", by_words=True).matches == ()


def test_another_model_than_the_scopes_is_refused(any_store: PatternStore) -> None:
    learned_key(any_store, SORT)
    with pytest.raises(Refused, match="searched by hashed-words"):
        recall(
            any_store,
            embedder(any_store, HashEmbeddings(dimensions=32)),
            SCOPE,
            Question(SORT),
            now=START,
        )


class WrongEmbeddings(HashEmbeddings):
    """Gives vectors of another length than it says."""

    @override
    def embed(self, texts: Sequence[str]) -> Matrix:
        return super().embed(texts)[:, :-1]


def test_vectors_of_a_wrong_length_are_a_clear_error(any_store: PatternStore) -> None:
    wrong = embedder(any_store, WrongEmbeddings())
    with pytest.raises(InvalidInput, match=r"shape \(1, 63\); \(1, 64\) was expected"):
        recall(any_store, wrong, SCOPE, Question(SORT), now=START)


def test_recall_only_reads(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT, score=7.0)
    refine(any_store, SCOPE, key, judged(8.0, days(1), "too slow"))

    def everything() -> tuple[object, ...]:
        return (
            list(any_store.records(SCOPE, with_vectors=False)),
            any_store.history(SCOPE, key),
            any_store.counts(SCOPE),
            any_store.clusters(SCOPE),
        )

    before = everything()
    for by_words in (False, True):
        question = Question(SORT, explain=True, include_irrelevant=True)
        assert asked(any_store, question, at=days(9), by_words=by_words).matches
    assert everything() == before


def test_what_lies_in_the_trash_is_not_recalled(any_store: PatternStore) -> None:
    key = learned_key(any_store, SORT)
    delete(any_store, SCOPE, key, now=days(1))
    assert asked(any_store, SORT).matches == ()
    assert asked(any_store, SORT, by_words=True).matches == ()


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_limit_out_of_bounds_is_refused(limit: int) -> None:
    with pytest.raises(InvalidInput, match=f"limit {limit} is not from 1 to 1,000"):
        Question(SORT, limit=limit)


@pytest.mark.parametrize("task", ["", "a\x00", "\ud800", "x" * 10_001])
def test_a_question_that_is_no_text_is_refused(task: str) -> None:
    with pytest.raises(InvalidInput, match="task"):
        Question(task)


def test_an_empty_answer_tells_of_patterns_that_could_not_be_searched(
    any_store: PatternStore,
) -> None:
    provider = HashEmbeddings()
    learn(any_store, None, SCOPE, [Draft("parse a csv export", "pass", 8.0)], now=START)
    with any_store.write(SCOPE) as writer:
        writer.choose_model(EmbeddingModel(provider.model_id, provider.dimensions))
    report = asked(any_store, "parse a csv export")
    assert report.matches == ()
    assert report.note == "1 of 1 patterns have no vector and were not searched: engramia reindex"
