from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import orjson
import pytest

from engramia_core.audit import Entry, Outcome, append
from engramia_core.audit.trail import Wanted, added, in_chains, newest
from engramia_core.audit.witness import add_to_witness, read_witness
from engramia_core.database.database import INSTALLATION, Database, Names
from engramia_core.errors import InvalidInput, NotFound
from tests.integration.records import ACME, ALICE, NOW, heads_of, problems, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_moment_of_another_time_zone_is_recorded_in_utc(database: Database) -> None:
    tokyo = datetime(2026, 1, 5, 21, tzinfo=timezone(timedelta(hours=9)))
    with database.transaction() as connection:
        append(connection, INSTALLATION, Entry(tokyo, ALICE, "keys.create"))
    assert problems(database) == []
    with database.everything() as connection:
        (found,) = in_chains(connection, Wanted())
    assert found.at == NOW


def test_a_record_that_is_rolled_back_leaves_no_gap(trail: Database) -> None:
    entry = Entry(NOW, ALICE, "memory.learned")
    with pytest.raises(ZeroDivisionError), trail.transaction(ACME) as connection:
        assert 1 / (append(connection, ACME, entry) - 8)
    write(trail, ACME, 1)
    assert heads_of(trail)[ACME].number == 8
    assert problems(trail) == []


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 12),
        (Wanted(tenant_id="acme"), 10),
        (Wanted(tenant_id="acme", project_id="blog"), 3),
        (Wanted(since=NOW + timedelta(minutes=2)), 6),
        (Wanted(until=NOW + timedelta(minutes=2)), 6),
        (Wanted(who="alice"), 12),
        (Wanted(who="alice@host"), 12),
        (Wanted(who="ali"), 0),
        (Wanted(action="keys"), 2),
        (Wanted(action="memory.learned"), 10),
        (Wanted(action="memory.l"), 0),
    ],
    ids=str,
)
def test_the_trail_is_read_by_what_is_wanted(wanted: Wanted, count: int, trail: Database) -> None:
    with trail.everything() as connection:
        found = newest(connection, wanted, limit=100)
        assert len(found) == len(list(in_chains(connection, wanted))) == count
        assert [r.at for r in found] == sorted((r.at for r in found), reverse=True)
        assert newest(connection, wanted, limit=2) == found[:2]


def test_what_was_added_is_read_once(trail: Database) -> None:
    seen = {chain: head.number for chain, head in heads_of(trail).items()}
    write(trail, ACME, 1)
    write(trail, Names("umbrella", "x"), 2)
    with trail.everything() as connection:
        found, now_seen = added(connection, Wanted(), seen)
        assert [(r.tenant_id, r.number) for r in found] == [
            *(("acme", 8), ("umbrella", 1), ("umbrella", 2))
        ]
        assert added(connection, Wanted(), now_seen) == ([], now_seen)


def test_a_witness_notes_the_heads_that_moved(trail: Database, tmp_path: Path) -> None:
    path = tmp_path / "heads.ndjson"
    with pytest.raises(NotFound, match="there is no witness"):
        read_witness(path)
    path.touch()
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 3
    assert read_witness(path) == heads_of(trail)
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 0
    write(trail, ACME, 1)
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 1
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [(line["project_id"], line["number"]) for line in lines] == [
        *(("*", 2), ("blog", 3), ("shop", 7), ("shop", 8))
    ]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda text: text[:-20], "line 3 of the witness is not whole"),
        (lambda text: text + text, "line 4 of the witness goes back behind one before it"),
        (lambda text: b"[]\n" + text, "line 1 of the witness is not whole"),
    ],
)
def test_a_witness_that_was_spoilt_is_told(
    spoilt: Callable[[bytes], bytes], message: str, trail: Database, tmp_path: Path
) -> None:
    path = tmp_path / "heads.ndjson"
    path.touch()
    add_to_witness(path, heads_of(trail), {}, now=NOW)
    path.write_bytes(spoilt(path.read_bytes()))
    with pytest.raises(InvalidInput, match=message):
        read_witness(path)


def test_how_it_ended_and_why_is_recorded(database: Database) -> None:
    with database.transaction() as connection:
        append(connection, INSTALLATION, Entry(NOW, ALICE, "x", outcome=Outcome.REFUSED))
    with database.everything() as connection:
        (found,) = newest(connection, Wanted(), limit=1)
    assert (found.outcome, found.reason, found.via) == ("refused", "spring cleaning", "cli")
