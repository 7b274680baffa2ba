"""What is put into a store is what comes out, changed only as asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engramia_core.errors import NotFound, Refused
from engramia_core.memory.pattern import Classification, Source, Trashed, TrashReason
from engramia_core.memory.stored import Action, AgingRun, Counts, Record
from engramia_core.testing.builders import (
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.store_case import (
    SCOPE,
    StoreCase,
    found_by,
    keys_of,
    live_keys,
    put,
    trashed,
)

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore

FULL = a_pattern(
    "01jfull.A-b_9",
    "summarise a report",
    code="def summarise(text):\n    return text[:100]\n",
    output='{"ok": true}\n',
    success_score=8.25,
    run_id="run/7 of 9",
    source=Source.API,
    classification=Classification.CONFIDENTIAL,
    skills=("python", "text processing", "žluťoučký kůň"),
    created_at=days(-3.123456),
    updated_at=days(1.000001),
    quality=7.123456789012345,
    survival=9.87654321,
    survival_set_at=days(0.5),
    prune_after=days(1000.25),
    reuse_count=12,
    trashed=Trashed(days(2), TrashReason.PRUNED, "aging-1"),
)
TEXTS = {
    "emoji": "rocket 🚀 family 👩‍👩‍👧‍👦 flag 🇨🇿",
    "right to left": "רשימת קבצים ثم ترتيبها \u200fabc",
    "combining": "e\u0301 and é stay two",
    "line ends": "\n a\r\nb\rc\u2028d\u2029e\x85f\t\x0b\x0c \n\n",
    "quoting": "\"quoted\" 'single' \\n \\u0041 `tick` $HOME %s {} [/b] </script> -- ;",
    "control": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "odd code points": "\ufeff\ufffd\uffff\U0010ffff\u200b",
    "very long": "každé slovo má jméno " * 450,
}


class KeepingContract(StoreCase):
    """Patterns and what belongs to them, without any search."""

    def test_every_field_of_a_pattern_comes_back_as_it_went_in(self, store: PatternStore) -> None:
        put(store, Record(FULL))
        assert store.get(SCOPE, [FULL.key]) == {FULL.key: FULL}

    def test_everything_is_found_after_reopening(self, store: PatternStore) -> None:
        observed = Record(a_pattern("a"), (an_observation(1), an_observation(2)), a_vector(1))
        put(store, observed, a_record("b"), Record(FULL, (an_observation(3, 1.5, "too slow"),)))
        with store.write(SCOPE) as writer:
            writer.put_clusters([a_cluster("c")])
            writer.record_run(AgingRun("run-1", days(1), 2, 3))
        before = (list(store.records(SCOPE, with_vectors=True)), store.counts(SCOPE))
        again = self.reopen(store)
        assert (list(again.records(SCOPE, with_vectors=True)), again.counts(SCOPE)) == before
        assert before[0][0] == observed
        assert again.get(SCOPE, [FULL.key]) == {FULL.key: FULL}
        assert again.observations(SCOPE, FULL.key) == [an_observation(3, 1.5, "too slow")]
        assert again.history(SCOPE, "a") == [an_event()]
        assert again.clusters(SCOPE) == [a_cluster("c")]
        assert again.aging_runs(SCOPE) == [AgingRun("run-1", days(1), 2, 3)]
        assert again.model(SCOPE) == store.model(SCOPE)
        again.close()

    def test_vectors_come_back_bit_for_bit(self, store: PatternStore) -> None:
        put(store, *(a_record(f"k{seed:02}", seed=seed) for seed in range(20)))
        again = self.reopen(store)
        for seed, record in enumerate(again.records(SCOPE, with_vectors=True)):
            assert record.vector is not None
            assert record.vector.dtype == np.float32
            assert record.vector.tobytes() == a_vector(seed).tobytes()
        again.close()

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    def test_any_text_survives(self, store: PatternStore, text: str) -> None:
        pattern = a_pattern("k", text, code=text * 3, output=text, run_id=text[:200])
        observation = an_observation(1, feedback=text[:2000])
        with store.write(SCOPE) as writer:
            writer.insert([Record(pattern, (observation,))], an_event(detail=text))
            writer.put_clusters([a_cluster("c", text[:2000])])
        again = self.reopen(store)
        assert again.get(SCOPE, ["k"]) == {"k": pattern}
        assert again.observations(SCOPE, "k") == [observation]
        assert again.history(SCOPE, "k") == [an_event(detail=text)]
        assert again.clusters(SCOPE) == [a_cluster("c", text[:2000])]
        again.close()

    def test_empty_code_and_output_are_not_absent(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("k", code="", output="")))
        assert store.get(SCOPE, ["k"])["k"].code == ""
        assert store.get(SCOPE, ["k"])["k"].output == ""

    def test_get_leaves_out_what_is_not_there(self, store: PatternStore) -> None:
        put(store, a_record("a"), a_record("b"))
        assert store.get(SCOPE, ["b", "no-such-key"]) == {"b": a_pattern("b")}
        assert store.get(SCOPE, []) == {}

    def test_a_key_can_be_inserted_once_only(self, store: PatternStore) -> None:
        put(store, a_record("a"))
        with pytest.raises(Refused, match="a"), store.write(SCOPE) as writer:
            writer.insert([a_record("b"), a_record("a", "other")], an_event())
        assert live_keys(store) == ["a"]
        assert store.get(SCOPE, ["a"]) == {"a": a_pattern("a")}

    def test_a_key_in_the_trash_is_taken_too(self, store: PatternStore) -> None:
        put(store, Record(trashed(a_pattern("a"))))
        with pytest.raises(Refused, match="a"):
            put(store, a_record("a"))

    def test_update_takes_the_place_of_the_stored_pattern(self, store: PatternStore) -> None:
        put(store, Record(a_pattern(FULL.key), (an_observation(1),)))
        with store.write(SCOPE) as writer:
            writer.update([FULL], an_event(Action.TRASHED, 1))
        assert store.get(SCOPE, [FULL.key]) == {FULL.key: FULL}
        assert store.observations(SCOPE, FULL.key) == [an_observation(1)]

    def test_update_of_an_unknown_key_names_it(self, store: PatternStore) -> None:
        put(store, a_record("a"))
        changed = a_pattern("a", code="other")
        with pytest.raises(NotFound, match="no-such-key"), store.write(SCOPE) as writer:
            writer.update([changed, a_pattern("no-such-key")], an_event(Action.REUSED))
        assert store.get(SCOPE, ["a"]) == {"a": a_pattern("a")}

    def test_observe_updates_and_adds(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("a"), (an_observation(2),)))
        judged = a_pattern("a", quality=6.5, updated_at=days(3))
        with store.write(SCOPE) as writer:
            writer.observe(judged, [an_observation(3), an_observation(1)], an_event())
        assert store.get(SCOPE, ["a"]) == {"a": judged}
        assert store.observations(SCOPE, "a") == [an_observation(day) for day in (1, 2, 3)]

    def test_observe_of_an_unknown_key_names_it(self, store: PatternStore) -> None:
        with pytest.raises(NotFound, match="no-such-key"), store.write(SCOPE) as writer:
            writer.observe(a_pattern("no-such-key"), [an_observation()], an_event())

    def test_nothing_was_observed_of_an_unknown_key(self, store: PatternStore) -> None:
        assert store.observations(SCOPE, "no-such-key") == []
        assert store.history(SCOPE, "no-such-key") == []

    def test_replace_leaves_nothing_of_the_old(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("a"), (an_observation(1),), a_vector(1)))
        new = Record(a_pattern("a", code="other"), (an_observation(5),))
        with store.write(SCOPE) as writer:
            writer.replace(new, an_event(Action.IMPORTED, 1))
        assert list(store.records(SCOPE, with_vectors=True)) == [new]
        assert keys_of(store.without_vector(SCOPE, limit=9)) == ["a"]
        with store.write(SCOPE) as writer:
            writer.replace(replace(new, vector=a_vector(2)), an_event(Action.IMPORTED, 2))
        assert found_by(store) == {"a"}

    def test_replace_of_an_unknown_key_names_it(self, store: PatternStore) -> None:
        with pytest.raises(NotFound, match="no-such-key"), store.write(SCOPE) as writer:
            writer.replace(a_record("no-such-key"), an_event())

    def test_history_is_kept_in_order(self, store: PatternStore) -> None:
        events = [an_event(Action.OBSERVED, 1, "7.5"), an_event(Action.REUSED, 2)]
        put(store, a_record("a"), a_record("b"))
        for event in events:
            with store.write(SCOPE) as writer:
                writer.update([a_pattern("a")], event)
        assert store.history(SCOPE, "a") == [an_event(), *events]
        assert store.history(SCOPE, "b") == [an_event()]

    def test_purge_removes_all_but_the_history(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("a"), (an_observation(),), a_vector(1)), a_record("b"))
        purged = an_event(Action.PURGED, 1)
        with store.write(SCOPE) as writer:
            writer.purge(["a", "no-such-key"], purged)
        again = self.reopen(store)
        assert live_keys(again) == ["b"]
        assert again.get(SCOPE, ["a"]) == {}
        assert again.observations(SCOPE, "a") == []
        assert again.history(SCOPE, "a") == [an_event(), purged]
        assert again.history(SCOPE, "no-such-key") == []
        assert again.counts(SCOPE) == Counts(1, 0, 0, 0, 0)
        again.close()

    def test_a_purged_key_starts_anew_but_remembers(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("a"), (an_observation(),), a_vector(1)))
        with store.write(SCOPE) as writer:
            writer.purge(["a"], an_event(Action.PURGED, 1))
            writer.insert([a_record("a")], an_event(Action.IMPORTED, 2))
        assert list(store.records(SCOPE, with_vectors=True)) == [a_record("a")]
        assert keys_of(store.without_vector(SCOPE, limit=9)) == ["a"]
        actions = [event.action for event in store.history(SCOPE, "a")]
        assert actions == [Action.LEARNED, Action.PURGED, Action.IMPORTED]
