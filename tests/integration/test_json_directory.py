from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from engramia_core.errors import InvalidInput, NotFound, Refused
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Trashed, TrashReason
from engramia_core.memory.stored import Action, Record
from engramia_core.memory.words import words_of
from engramia_core.scope import Scope
from engramia_core.stores.json_directory import JSONDirectoryStore
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

if TYPE_CHECKING:
    from pathlib import Path

SCOPE = Scope()
EVERYTHING = Filters()
GOLDEN = """\
{
  "classification": "internal",
  "code": [
    "def hello():",
    "    print(\\"ahoj, světe 🚀\\")",
    ""
  ],
  "created_at": "2026-01-02T03:04:05.678901Z",
  "history": [
    {
      "action": "learned",
      "at": "2026-01-02T03:04:05.678901Z",
      "detail": ""
    }
  ],
  "key": "k1",
  "observations": [
    {
      "at": "2026-01-03T03:04:05.678901Z",
      "feedback": "too slow",
      "run_id": "run-1",
      "score": 6.5,
      "source": "cli"
    }
  ],
  "output": null,
  "prune_after": "2029-09-14T03:04:05.678901Z",
  "quality": null,
  "reuse_count": 0,
  "run_id": null,
  "skills": [
    "python"
  ],
  "source": "sdk",
  "success_score": null,
  "survival": 5.0,
  "survival_set_at": "2026-01-02T03:04:05.678901Z",
  "task": "say hello",
  "trashed": null,
  "updated_at": "2026-01-02T03:04:05.678901Z"
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def store(folder: Path) -> JSONDirectoryStore:
    return JSONDirectoryStore.create(folder)


def put(store: JSONDirectoryStore, *records: Record) -> None:
    with store.write(SCOPE) as writer:
        if any(record.vector is not None for record in records):
            writer.choose_model(MODEL)
        writer.insert(records, an_event())


def file_of(folder: Path, key: str, place: str = "patterns") -> Path:
    return folder / place / "default" / "default" / f"{key}.json"


def edit(path: Path, **fields: object) -> None:
    """Change fields of a file as an editor does, in place."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def nearest(store: JSONDirectoryStore, seed: int = 1) -> list[str]:
    return store.nearest(SCOPE, a_vector(seed), filters=EVERYTHING, limit=99).keys


def lexical(store: JSONDirectoryStore, text: str) -> list[str]:
    return store.lexical(SCOPE, words_of(text), filters=EVERYTHING, limit=99).keys


def without_vector(store: JSONDirectoryStore) -> list[str]:
    return [pattern.key for pattern in store.without_vector(SCOPE, limit=99)]


def test_a_pattern_is_a_file_that_a_person_can_read(
    store: JSONDirectoryStore, folder: Path
) -> None:
    code = 'def hello():\n    print("ahoj, světe 🚀")\n'
    pattern = a_pattern("k1", "say hello", code=code, skills=("python",))
    put(store, Record(pattern, (an_observation(1, 6.5, "too slow"),)))
    assert file_of(folder, "k1").read_text(encoding="utf-8") == GOLDEN
    assert store.get(SCOPE, ["k1"]) == {"k1": pattern}


def test_the_same_pattern_is_the_same_bytes(tmp_path: Path) -> None:
    record = Record(a_pattern("k", skills=("b", "a")), (an_observation(),), a_vector(1))
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        store = JSONDirectoryStore.create(folder)
        put(store, record, a_record("other"))
        written = file_of(folder, "k").read_bytes()
        with store.write(SCOPE) as writer:
            writer.purge(["other"], an_event(Action.PURGED))
        assert file_of(folder, "k").read_bytes() == written
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file() and p.name[0] != "."}
        for f in folders
    )
    assert one == two


def test_a_write_touches_only_what_it_changes(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    before = _written(file_of(folder, "a"))
    with store.write(SCOPE) as writer:
        writer.update([a_pattern("b", quality=7.0)], an_event(Action.REUSED))
    assert _written(file_of(folder, "a")) == before


def _written(file: Path) -> tuple[int, int]:
    """What changes when a file is written, and not when it is read."""
    found = file.stat()
    return found.st_ino, found.st_mtime_ns


def test_an_edit_by_hand_is_seen_at_once(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    assert lexical(store, "zebra") == []
    edit(file_of(folder, "a"), task="paint a zebra", code=["x = 1", ""], quality=9)
    pattern = store.get(SCOPE, ["a"])["a"]
    assert (pattern.task, pattern.code, pattern.quality) == ("paint a zebra", "x = 1\n", 9.0)
    assert lexical(store, "zebra") == ["a"]
    assert nearest(store) == ["b"]
    assert without_vector(store) == ["a"]
    with store.write(SCOPE) as writer:
        assert [p.key for p in writer.alike([words_of("paint a zebra")])[0]] == ["a"]


def test_an_edit_that_keeps_the_task_keeps_the_vector(
    store: JSONDirectoryStore, folder: Path
) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=1))
    edit(file_of(folder, "a"), classification="public", skills=["b", "a"])
    public = Filters(skills=("a",))
    assert store.nearest(SCOPE, a_vector(1), filters=public, limit=9).keys == ["a"]


def test_files_that_come_and_go_are_seen(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    copied = json.loads(file_of(folder, "a").read_text())
    file_of(folder, "a").unlink()
    assert nearest(store) == ["b"]
    file_of(folder, "new").write_text(json.dumps({**copied, "key": "new", "task": "brand new"}))
    assert lexical(store, "brand") == ["new"]
    assert without_vector(store) == ["new"]


def test_a_pattern_is_restored_by_moving_its_file(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, Record(a_pattern("a", trashed=Trashed(days(1), TrashReason.DELETED))))
    in_trash = file_of(folder, "a", "trash")
    file_of(folder, "a").parent.mkdir(parents=True)
    in_trash.rename(file_of(folder, "a"))
    assert [broken.reason for broken in store.broken] == [
        "its field 'trashed' does not fit a file in patterns/"
    ]
    edit(file_of(folder, "a"), trashed=None)
    assert not store.broken
    assert lexical(store, "task") == ["a"]


BREAKAGES: dict[str, tuple[dict[str, Any] | str | None, str]] = {
    "no JSON": ('{"key": "a",', "no JSON"),
    "empty": ("", "no JSON"),
    "not UTF-8": ("\udcff", "no JSON"),
    "a list": ("[]", "not an object"),
    "another key": ({"key": "b"}, "key 'b' is not the file's name"),
    "an unknown field": ({"comment": "mine"}, "unknown field 'comment'"),
    "a number for a text": ({"task": 5}, "task is not a text"),
    "an empty task": ({"task": " "}, "task holds only white space"),
    "a text for a number": ({"survival": "5"}, "survival is not a number"),
    "a truth for a number": ({"quality": True}, "quality is not a number"),
    "a score too high": ({"quality": 10.5}, "quality: score 10.5 is not a number from 0 to 10"),
    "a count below 0": ({"reuse_count": -1}, "reuse_count is not a whole number"),
    "a time without a zone": ({"created_at": "2026-01-02T03:04:05"}, "created_at has no time zone"),
    "no time": ({"updated_at": "yesterday"}, "updated_at is no ISO 8601 time"),
    "an unknown source": ({"source": "web"}, "source is 'web', not one of api, sdk, cli, import"),
    "a skill with a comma": ({"skills": ["a,b"]}, "skill 'a,b' is not valid"),
    "skills as a text": ({"skills": "a"}, "skills is not a list of texts"),
    "lines that are none": ({"code": ["a", 1]}, "code is not a list of lines"),
    "an observation without its score": (
        {"observations": [{"at": "2026-01-02T03:04:05Z"}]},
        "field 'score' is missing",
    ),
    "an observation that is none": ({"observations": [1]}, "observations[0] is not an object"),
    "an unknown action": (
        {"history": [{"at": "2026-01-02T03:04:05Z", "action": "eaten", "detail": ""}]},
        "action is 'eaten'",
    ),
    "put in the trash": (
        {"trashed": {"at": "2026-01-02T03:04:05Z", "reason": "deleted", "run": None}},
        "does not fit a file in patterns/",
    ),
}


@pytest.mark.parametrize(("breakage", "reason"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_a_broken_file_is_named_and_skipped_and_stays(
    store: JSONDirectoryStore, folder: Path, breakage: dict[str, Any] | str, reason: str
) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    path = file_of(folder, "a")
    if isinstance(breakage, str):
        path.write_text(breakage, errors="surrogateescape")
    else:
        edit(path, **breakage)
    content = path.read_bytes()
    for opened in (store, JSONDirectoryStore(folder)):
        (broken,) = opened.broken
        assert broken.path == path
        assert reason in broken.reason
        assert opened.problems() == [f"patterns/default/default/a.json is skipped: {broken.reason}"]
        assert nearest(opened) == ["b"]
        assert lexical(opened, "the task of") == ["b"]
        with pytest.raises(Refused, match=r"a\.json cannot be read and is not overwritten"):
            put(opened, a_record("a"))
        with pytest.raises(NotFound), opened.write(SCOPE) as writer:
            writer.update([a_pattern("a")], an_event())
        with opened.write(SCOPE) as writer:
            writer.purge(["a"], an_event(Action.PURGED))
    assert path.read_bytes() == content


def test_a_missing_field_is_named(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a"))
    whole = json.loads(file_of(folder, "a").read_text())
    for field in whole:
        left = {name: value for name, value in whole.items() if name != field}
        file_of(folder, "a").write_text(json.dumps(left))
        assert [broken.reason for broken in store.broken] == [f"field {field!r} is missing"]


def test_a_broken_file_can_be_repaired(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1))
    content = file_of(folder, "a").read_bytes()
    file_of(folder, "a").write_text("<<<<<<< HEAD\n")
    assert [broken.path for broken in store.broken] == [file_of(folder, "a")]
    file_of(folder, "a").write_bytes(content)
    assert not store.broken
    assert nearest(store) == ["a"]


def test_a_file_with_an_impossible_name_is_broken(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a"))
    shutil.copy(file_of(folder, "a"), file_of(folder, "a copy"))
    assert [broken.path for broken in store.broken] == [file_of(folder, "a copy")]
    file_of(folder, "a").with_suffix(".json~").touch()
    assert len(store.broken) == 1


def test_of_two_files_with_one_key_the_live_one_counts(
    store: JSONDirectoryStore, folder: Path
) -> None:
    put(store, Record(a_pattern("a", trashed=Trashed(days(1), TrashReason.DELETED))))
    in_trash = file_of(folder, "a", "trash")
    live = {**json.loads(in_trash.read_text()), "trashed": None}
    file_of(folder, "a").parent.mkdir(parents=True)
    file_of(folder, "a").write_text(json.dumps(live))
    assert store.get(SCOPE, ["a"])["a"].trashed is None
    assert [b.path for b in store.broken] == [in_trash]
    thrown = a_pattern("a", trashed=Trashed(days(2), TrashReason.PRUNED))
    with (
        pytest.raises(Refused, match="a live pattern has the same key"),
        store.write(SCOPE) as writer,
    ):
        writer.update([thrown], an_event(Action.TRASHED))
    file_of(folder, "a").unlink()
    assert not store.broken
    assert store.get(SCOPE, ["a"])["a"].trashed == Trashed(days(1), TrashReason.DELETED)


def test_broken_feedback_is_not_overwritten(store: JSONDirectoryStore, folder: Path) -> None:
    with store.write(SCOPE) as writer:
        writer.put_clusters([a_cluster("c")])
    path = folder / "feedback" / "default" / "default.json"
    path.write_text("[")
    assert store.clusters(SCOPE) == []
    assert [broken.path for broken in store.broken] == [path]
    with pytest.raises(Refused, match="feedback"), store.write(SCOPE) as writer:
        writer.put_clusters([a_cluster("d")])
    assert path.read_text() == "["
    put(store, a_record("a"))


def test_a_lost_cache_loses_nothing(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    shutil.rmtree(folder / ".cache")
    for opened in (store, JSONDirectoryStore(folder)):
        assert without_vector(opened) == ["a", "b"]
        assert opened.counts(SCOPE).embedded == 0
        assert nearest(opened) == []
        assert lexical(opened, "task of a") == ["a", "b"]
        assert opened.model(SCOPE) == MODEL
    before = {path: path.read_bytes() for path in (folder / "patterns").rglob("*.json")}
    with store.write(SCOPE) as writer:
        writer.set_vectors(["a"], a_vector(1)[None], an_event(Action.EMBEDDED))
    assert nearest(JSONDirectoryStore(folder)) == ["a"]
    assert {p: p.read_bytes() for p in (folder / "patterns").rglob("*.json")} == before


def test_a_damaged_cache_is_reported_and_replaced(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1), a_record("b", seed=2))
    (cached,) = (folder / ".cache" / "vectors" / "default" / "default").iterdir()
    content = bytearray(cached.read_bytes())
    content[-1] ^= 1
    cached.write_bytes(content)
    assert without_vector(store) == ["a", "b"]
    (problem,) = store.problems()
    assert problem.endswith("is damaged, its vectors are lost")
    put(store, a_record("c", seed=3))
    assert store.problems() == []
    assert nearest(JSONDirectoryStore(folder)) == ["c"]


def test_vectors_stay_in_few_files(store: JSONDirectoryStore, folder: Path) -> None:
    for seed in range(50):
        put(store, a_record(f"k{seed:02}", seed=seed))
    for seed in range(0, 50, 7):
        with store.write(SCOPE) as writer:
            writer.purge([f"k{seed:02}"], an_event(Action.PURGED))
    assert len(list((folder / ".cache" / "vectors" / "default" / "default").iterdir())) < 10
    records = list(JSONDirectoryStore(folder).records(SCOPE, with_vectors=True))
    assert [r.pattern.key for r in records] == [f"k{s:02}" for s in range(50) if s % 7]
    for record in records:
        assert record.vector is not None
        assert record.vector.tobytes() == a_vector(int(record.pattern.key[1:])).tobytes()


def test_scopes_keep_their_files_apart(store: JSONDirectoryStore, folder: Path) -> None:
    with store.write(Scope("acme", "shop")) as writer:
        writer.insert([a_record("a")], an_event())
    (folder / "patterns" / "acme" / "shop" / "a.json").write_text("")
    (folder / "patterns" / "acme" / "not a scope").mkdir()
    put(store, a_record("a"))
    assert [broken.path.parent.name for broken in store.broken] == ["shop"]


def test_a_missing_memory_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no memory in") as caught:
        JSONDirectoryStore(tmp_path / "my memory")
    assert (caught.value.hint or "").endswith(f"engramia init --path '{tmp_path}/my memory'")
    assert not (tmp_path / "my memory").exists()


def test_a_memory_is_not_made_among_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(Refused, match="is not empty"):
        JSONDirectoryStore.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_making_a_memory_again_keeps_it(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a"))
    assert JSONDirectoryStore.create(folder).counts(SCOPE).live == 1
    assert ".cache/" in (folder / ".gitignore").read_text().splitlines()


def test_a_memory_of_a_newer_format_is_left_alone(store: JSONDirectoryStore, folder: Path) -> None:
    put(store, a_record("a", seed=1))
    edit(folder / "engramia.json", format=2)
    with pytest.raises(InvalidInput, match="format 2 is not known"):
        JSONDirectoryStore(folder).counts(SCOPE)
    with pytest.raises(InvalidInput, match="format 2 is not known"):
        put(store, a_record("b"))
    (problem,) = store.problems()
    assert "format 2 is not known" in problem
    edit(folder / "engramia.json", format=1)
    assert nearest(store) == ["a"]


def test_a_key_cannot_lead_out_of_the_memory(store: JSONDirectoryStore, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be a pattern's key"):
        put(store, Record(replace(a_pattern("a"), key="../../a")))
    assert store.counts(SCOPE).live == 0
    assert not list(folder.parent.rglob("a.json"))
