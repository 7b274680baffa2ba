from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import orjson
import pytest

from engramia_core.errors import Refused
from engramia_core.memory.feedback import recurring_issues
from engramia_core.memory.pattern import Draft
from engramia_core.memory.stored import Action
from engramia_core.memory.transfer import Importer, ImportReport, OnConflict, export
from engramia_core.memory.upkeep import delete, refine
from engramia_core.scope import Scope
from engramia_core.testing.builders import START, a_record, an_event, days
from engramia_core.testing.embeddings import HashEmbeddings
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, asked, embedder, judged, learned, live, stored

if TYPE_CHECKING:
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.store import PatternStore

TASKS = ("sort a list", "parse 🚀 dates\n\t", 'print "quoted" text')


def filled(store: PatternStore) -> PatternStore:
    """Three patterns, one of them judged, and a recurring issue."""
    for number, task in enumerate(TASKS):
        draft = Draft(task, f"code {number}\r\n", 8.0 if number else None, skills=("a", "b"))
        learned(store, draft, at=days(number))
    key = max(live(store))
    for day in (3, 4):
        refine(store, SCOPE, key, judged(2.5 + day, days(day), "far too slow"))
    return store


def exported(store: PatternStore, *, with_vectors: bool = False) -> bytes:
    return b"".join(export(store, SCOPE, with_vectors=with_vectors))


def brought(
    store: PatternStore,
    content: bytes,
    *,
    on_conflict: OnConflict = OnConflict.SKIP,
    provider: EmbeddingProvider | None = None,
    plan: bool = False,
) -> ImportReport:
    """Import into ``store``, which embeds by hashed words."""
    given = embedder(store, provider)
    importer = Importer(store, given, SCOPE, now=days(50), on_conflict=on_conflict)
    return importer.run(BytesIO(content), plan=plan)


def everything(store: PatternStore) -> object:
    return live(store), store.clusters(SCOPE), store.counts(SCOPE), store.model(SCOPE)


def lines_of(content: bytes) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in content.splitlines()]


def test_an_export_has_a_header_a_line_each_and_a_footer_with_a_checksum() -> None:
    content = exported(filled(MemoryStore()))
    header, *records, issue, footer = lines_of(content)
    assert header == {
        "type": "header",
        "format": "engramia-export",
        "version": 1,
        "schema": "memory",
        "model": {"id": "hashed-words", "dimensions": 64},
        "with_vectors": False,
        "patterns": 3,
        "issues": 1,
    }
    assert [record["task"] for record in records] == list(TASKS)
    assert (issue["type"], issue["text"], issue["occurrences"]) == ("issue", "far too slow", 2)
    body = content[: content.rindex(b"\n", 0, -1) + 1]
    assert footer["sha256"] == hashlib.sha256(body).hexdigest()


def test_two_exports_of_one_state_are_equal_to_the_byte(any_store: PatternStore) -> None:
    filled(any_store)
    for with_vectors in (False, True):
        once, again = (exported(any_store, with_vectors=with_vectors) for _ in range(2))
        assert once == again


@pytest.mark.parametrize("with_vectors", [False, True])
def test_an_export_comes_back_whole_in_an_empty_memory(
    any_store: PatternStore, *, with_vectors: bool
) -> None:
    source = filled(MemoryStore())
    content = exported(source, with_vectors=with_vectors)
    report = brought(any_store, content)
    assert (report.added, report.issues, report.unchanged) == (3, 1, 0)
    assert everything(any_store) == everything(source)
    body, again = (
        c.split(b"\n", 1)[1] for c in (content, exported(any_store, with_vectors=with_vectors))
    )
    assert body.splitlines()[:-1] == again.splitlines()[:-1]
    events = any_store.history(SCOPE, min(live(any_store)))
    assert [event.action for event in events] == [Action.IMPORTED]
    assert asked(any_store, TASKS[0]).matches[0].pattern.task == TASKS[0]


@pytest.mark.parametrize("with_vectors", [False, True])
@pytest.mark.parametrize("on_conflict", OnConflict)
def test_importing_its_own_export_changes_nothing(
    any_store: PatternStore, on_conflict: OnConflict, *, with_vectors: bool
) -> None:
    filled(any_store)
    before = everything(any_store)
    history = [any_store.history(SCOPE, key) for key in live(any_store)]
    content = exported(any_store, with_vectors=with_vectors)
    report = brought(any_store, content, on_conflict=on_conflict)
    assert report == ImportReport(unchanged=3)
    assert everything(any_store) == before
    assert [any_store.history(SCOPE, key) for key in live(any_store)] == history


def test_an_empty_memory_exports_and_imports(any_store: PatternStore) -> None:
    assert brought(any_store, exported(MemoryStore())) == ImportReport()


def test_what_lies_in_the_trash_is_not_exported(any_store: PatternStore) -> None:
    filled(any_store)
    delete(any_store, SCOPE, min(live(any_store)), now=START)
    assert len(lines_of(exported(any_store))) == 5


def test_vectors_are_reused_when_the_model_is_the_same(any_store: PatternStore) -> None:
    content = exported(filled(MemoryStore()), with_vectors=True)
    provider = HashEmbeddings()
    report = brought(any_store, content, provider=provider)
    assert (report.vectors_reused, report.vectors_embedded, report.without_vector) == (3, 0, 0)
    assert provider.embedded == []
    assert any_store.counts(SCOPE).embedded == 3


@pytest.mark.parametrize("with_vectors", [False, True])
def test_vectors_are_embedded_when_there_are_none_of_the_model(
    any_store: PatternStore, *, with_vectors: bool
) -> None:
    content = exported(filled(MemoryStore()), with_vectors=with_vectors)
    provider = HashEmbeddings("other", 32)
    report = brought(any_store, content, provider=provider)
    assert (report.vectors_reused, report.vectors_embedded) == (0, 3)
    assert provider.embedded == list(TASKS)
    assert any_store.counts(SCOPE).embedded == 3


def test_without_a_provider_vectors_come_along_or_are_missing(any_store: PatternStore) -> None:
    source = filled(MemoryStore())
    other = Scope("acme", "shop")
    for scope, with_vectors in ((SCOPE, False), (other, True)):
        content = BytesIO(exported(source, with_vectors=with_vectors))
        report = Importer(any_store, None, scope, now=START).run(content)
        found = (report.vectors_reused, report.without_vector, any_store.counts(scope).embedded)
        assert found == ((3, 0, 3) if with_vectors else (0, 3, 0))


def test_a_model_that_is_not_the_scopes_is_refused(any_store: PatternStore) -> None:
    filled(any_store)
    with pytest.raises(Refused, match="searched by hashed-words"):
        brought(any_store, exported(MemoryStore()), provider=HashEmbeddings("other"))


def conflicting(store: PatternStore) -> tuple[bytes, str]:
    """An export, and the key of a pattern and an issue that changed since."""
    filled(store)
    content = exported(store)
    key = max(live(store))
    refine(store, SCOPE, key, judged(1.0, days(9), "far too slow"))
    return content, key


@pytest.mark.parametrize(
    ("on_conflict", "report"),
    [
        (OnConflict.SKIP, ImportReport(unchanged=2, skipped=1)),
        (OnConflict.OVERWRITE, ImportReport(unchanged=2, overwritten=1, issues=1)),
        (OnConflict.NEW_KEY, ImportReport(unchanged=2, rekeyed=1)),
    ],
)
def test_a_pattern_that_changed_since_is_treated_as_wanted(
    any_store: PatternStore, on_conflict: OnConflict, report: ImportReport
) -> None:
    content, key = conflicting(any_store)
    before = live(any_store)
    done = brought(any_store, content, on_conflict=on_conflict)
    done.vectors_embedded = done.vectors_reused = 0
    assert done == report
    after = live(any_store)
    is_overwritten = on_conflict is OnConflict.OVERWRITE
    assert (after[key] == before[key]) is not is_overwritten
    assert len(after[key].observations) == (3 if is_overwritten else 4)
    assert len(after) == len(before) + report.rekeyed
    assert any_store.counts(SCOPE).embedded == len(after)
    (issue,) = recurring_issues(any_store, SCOPE, now=days(9))
    assert issue.occurrences == (2 if is_overwritten else 3)


def test_a_conflict_stops_the_import_when_that_is_wanted(any_store: PatternStore) -> None:
    content, key = conflicting(any_store)
    delete(any_store, SCOPE, min(live(any_store)), now=START)
    before = everything(any_store)
    with pytest.raises(Refused, match="is stored with other content; nothing was imported"):
        brought(any_store, content, on_conflict=OnConflict.FAIL)
    assert everything(any_store) == before
    assert stored(any_store, key)


def test_a_copy_under_a_new_key_is_added_once(any_store: PatternStore) -> None:
    content, key = conflicting(any_store)
    before = live(any_store)
    brought(any_store, content, on_conflict=OnConflict.NEW_KEY)
    (copy,) = live(any_store).keys() - before.keys()
    assert (len(copy), copy[:9]) == (26, key[:9])  # it sorts by when it was learned
    refine(any_store, SCOPE, copy, judged(2.0, days(10)))
    after = live(any_store)
    assert brought(any_store, content, on_conflict=OnConflict.NEW_KEY) == ImportReport(unchanged=3)
    assert live(any_store) == after
    assert after[key] == before[key]


def test_another_export_brings_copies_of_its_own(any_store: PatternStore) -> None:
    content, key = conflicting(any_store)
    brought(any_store, content, on_conflict=OnConflict.NEW_KEY)
    later = exported(any_store)
    refine(any_store, SCOPE, key, judged(2.0, days(10)))
    report = brought(any_store, later, on_conflict=OnConflict.NEW_KEY)
    assert (report.unchanged, report.rekeyed) == (3, 1)
    assert len(live(any_store)) == 5


@pytest.mark.parametrize("on_conflict", [OnConflict.SKIP, OnConflict.OVERWRITE, OnConflict.NEW_KEY])
def test_a_plan_says_what_an_import_does_and_changes_nothing(
    any_store: PatternStore, on_conflict: OnConflict
) -> None:
    content, _ = conflicting(any_store)
    delete(any_store, SCOPE, min(live(any_store)), now=START)
    before = everything(any_store)
    planned = brought(any_store, content, on_conflict=on_conflict, plan=True)
    assert everything(any_store) == before
    assert planned.planned
    planned.planned = False
    assert brought(any_store, content, on_conflict=on_conflict) == planned


def test_an_import_that_was_killed_goes_on(any_store: PatternStore) -> None:
    source = MemoryStore()
    with source.write(SCOPE) as writer:
        writer.insert([a_record(f"k{n:04}", f"task {n}") for n in range(250)], an_event())
    content = exported(source)

    class KilledError(Exception):
        pass

    def die(_: int) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        Importer(any_store, None, SCOPE, now=START, batch_lines=5).run(
            BytesIO(content), progress=die
        )
    done = any_store.counts(SCOPE).live
    assert 0 < done < 250
    report = Importer(any_store, None, SCOPE, now=START).run(BytesIO(content))
    assert (report.unchanged, report.added) == (done, 250 - done)
    assert any_store.counts(SCOPE).live == 250
