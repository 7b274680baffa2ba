from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Refused, Unavailable
from engramia_core.maintenance.checks import (
    CHECKS,
    Subject,
    check_disk,
    check_files,
    check_model,
    check_opens,
    check_rights,
    check_sqlite,
    check_vectors,
    examine,
)
from engramia_core.maintenance.finding import Severity
from engramia_core.memory.learn import learn
from engramia_core.memory.pattern import Draft
from engramia_core.testing.builders import START
from engramia_core.testing.embeddings import FailingEmbeddings, HashEmbeddings
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, learned_key

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.memory.stored import Counts, EmbeddingModel
    from engramia_core.scope import Scope
    from engramia_core.stores.sqlite import SQLiteStore


@pytest.fixture
def subject(tmp_path: Path, store: MemoryStore) -> Subject:
    return Subject(tmp_path, SCOPE, HashEmbeddings(), store)


def test_a_memory_in_order_passes_every_check(sqlite: SQLiteStore, tmp_path: Path) -> None:
    learned_key(sqlite, "sort a list")
    found = examine(Subject(tmp_path / "memory", SCOPE, HashEmbeddings(), sqlite))
    assert [finding.check for finding in found] == [
        "memory",
        "files",
        "model",
        "vectors",
        "disk",
        "rights",
        "sqlite",
    ]
    assert {finding.severity for finding in found} == {Severity.OK}
    assert {check.__name__ for check in CHECKS} - {f"check_{f.check}" for f in found} == {
        "check_opens",
        "check_index",  # of a memory on a server
        "check_replica",
    }


def test_a_memory_that_does_not_open_is_a_problem_and_the_rest_is_examined(
    tmp_path: Path,
) -> None:
    why = Refused("the schema is newer", hint="install the version that wrote it")
    found = examine(Subject(tmp_path, SCOPE, HashEmbeddings(), None, why))
    assert (found[0].severity, found[0].text, found[0].remedy) == (
        Severity.PROBLEM,
        "the schema is newer",
        "install the version that wrote it",
    )
    assert [finding.check for finding in found[1:]] == ["model", "disk", "rights", "sqlite"]
    assert check_opens(Subject(tmp_path, SCOPE, None, None)).severity is Severity.OK


class Broken(MemoryStore):
    """Its files are damaged, and what is read from them fails."""

    @override
    def problems(self) -> list[str]:
        return ["a.json is no JSON", "b.json is no JSON"]

    @override
    def counts(self, scope: Scope) -> Counts:
        raise Unavailable("the database disk image is malformed", hint="put a copy back")


def test_damaged_files_are_a_problem_and_the_rest_is_examined(subject: Subject) -> None:
    found = {f.check: f for f in examine(replace(subject, store=Broken()))}
    assert found["files"].severity is found["vectors"].severity is Severity.PROBLEM
    assert found["files"].text == "a.json is no JSON and 1 more"
    assert found["vectors"].text == "the database disk image is malformed"
    assert found["vectors"].remedy == "put a copy back"
    assert found["sqlite"].severity is Severity.OK


def test_whole_files_are_fine(subject: Subject) -> None:
    finding = check_files(subject)
    assert finding is not None
    assert finding.severity is Severity.OK
    assert check_files(replace(subject, store=None)) is None


def test_without_a_provider_there_is_a_warning(subject: Subject) -> None:
    finding = check_model(replace(subject, provider=None))
    assert finding.severity is Severity.WARNING
    assert "by words only" in finding.text


def test_a_provider_that_does_not_answer_is_a_problem(subject: Subject) -> None:
    finding = check_model(replace(subject, provider=FailingEmbeddings()))
    assert (finding.severity, finding.text) == (
        Severity.PROBLEM,
        "hashed-words does not answer",
    )


def test_why_there_is_no_provider_is_a_problem(subject: Subject) -> None:
    why = Refused("no API key", hint="set OPENAI_API_KEY")
    found = examine(replace(subject, provider=None, without_provider=why))
    (finding,) = (f for f in found if f.check == "model")
    assert (finding.severity, finding.text, finding.remedy) == (
        Severity.PROBLEM,
        "no API key",
        "set OPENAI_API_KEY",
    )


@pytest.mark.parametrize("provider", [HashEmbeddings("other"), HashEmbeddings(dimensions=32)])
def test_another_model_than_the_memorys_is_a_problem(
    subject: Subject, provider: HashEmbeddings
) -> None:
    assert subject.store is not None
    learned_key(subject.store, "sort a list")
    assert check_model(subject).severity is Severity.OK
    finding = check_model(replace(subject, provider=provider))
    assert finding.severity is Severity.PROBLEM
    assert "searched by hashed-words (64 dimensions)" in finding.text
    assert f"say {provider.model_id} ({provider.dimensions}" in finding.text
    assert "engramia reindex" in (finding.remedy or "")


def test_another_model_that_opens_all_the_same_is_a_warning(subject: Subject) -> None:
    assert subject.store is not None
    learned_key(subject.store, "sort a list")
    found = replace(
        subject, provider=HashEmbeddings("other"), open_model=lambda m: HashEmbeddings(m.model_id)
    )
    assert check_model(found).severity is Severity.WARNING

    def no_key(_: EmbeddingModel) -> HashEmbeddings:
        raise Refused("no API key")

    finding = check_model(replace(found, open_model=no_key))
    assert finding.severity is Severity.PROBLEM
    assert finding.text.endswith("; no API key")


def test_patterns_without_a_vector_are_a_warning(subject: Subject) -> None:
    assert subject.store is not None
    learned_key(subject.store, "sort a list")
    learn(subject.store, None, SCOPE, [Draft("parse a date", "x")], now=START)
    finding = check_vectors(subject)
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert finding.text == "1 of 2 patterns have no vector: recall by vector misses them"
    assert check_vectors(replace(subject, provider=None)) is None


def test_a_directory_that_everybody_may_write_is_a_warning(
    subject: Subject, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    finding = check_rights(subject)
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert finding.remedy == f"chmod o-w {tmp_path}"
    tmp_path.chmod(0o700)
    mended = check_rights(subject)
    assert mended is not None
    assert mended.severity is Severity.OK


def test_of_a_directory_that_is_not_there_nothing_is_said(subject: Subject, tmp_path: Path) -> None:
    nowhere = replace(subject, directory=tmp_path / "nowhere")
    assert check_disk(nowhere) is None
    assert check_rights(nowhere) is None


def test_this_interpreters_sqlite_is_new_enough(subject: Subject) -> None:
    finding = check_sqlite(subject)
    assert finding is not None
    assert (finding.severity, finding.text[:7]) == (Severity.OK, "SQLite ")
