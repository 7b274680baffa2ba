from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess  # noqa: TID251 -- a process that goes on must be ended from outside
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.cli.operator import ENGRAMIA
from tests.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from tests.cli.operator import Operator


@pytest.fixture
def auditor(operator: Operator) -> Operator:
    """The operator, who deleted and restored a pattern, and learned one for another tenant."""
    operator.done("patterns", "delete", "parse-csv", "--yes", "--reason", "out of date")
    operator.done("patterns", "restore", "parse-csv")
    (operator.home / "code.py").write_text("print(1)\n")
    acme = ("--tenant", "acme", "--project", "web")
    operator.done("learn", "Do it", "--code", "code.py", "--score", "8", *acme)
    return operator


def spoilt(operator: Operator, statement: str) -> None:
    with closing(sqlite3.connect(operator.home / "engramia_data" / "engramia.db")) as database:
        database.execute(statement)
        database.commit()


def actions(operator: Operator, *options: str) -> list[str]:
    return [record["action"] for record in operator.json("audit", "list", *options)["records"]]


def test_the_trail_is_listed_newest_first(auditor: Operator) -> None:
    assert actions(auditor) == [
        *("memory.learned", "memory.restored", "memory.trashed", "memory.learned")
    ]
    newest = auditor.json("audit", "list", "--limit", "1")
    assert newest["has_more"] is True
    assert newest["records"][0]["tenant_id"] == "acme"
    assert newest["records"][0].keys() == {
        *("tenant_id", "project_id", "number", "at", "who", "via", "action", "target", "reason"),
        *("outcome", "detail", "previous_hash", "hash"),
    }


def test_the_list_can_be_narrowed_down(auditor: Operator) -> None:
    assert actions(auditor, "--tenant", "acme") == ["memory.learned"]
    assert actions(auditor, "--project", "web") == []
    assert actions(auditor, "--tenant", "acme", "--project", "web") == ["memory.learned"]
    assert actions(auditor, "--action", "memory.trashed") == ["memory.trashed"]
    assert len(actions(auditor, "--action", "memory")) == 4
    assert actions(auditor, "--who", "nobody") == []
    auditor.now += timedelta(days=365 * 20)
    assert actions(auditor, "--since", "1h") == []
    assert len(actions(auditor, "--until", "1h")) == 4
    answer = auditor.types("audit", "list", "--since", "1h")
    assert (answer.stdout, answer.stderr) == ("", "note: no such records\n")


def test_a_reason_is_shown(auditor: Operator) -> None:
    auditor.columns = 200
    lines = auditor.done("audit", "list", "--action", "memory.trashed").splitlines()
    assert lines[1].endswith("done     parse-csv · 1 trashed · (out of date)")


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "7", "99999999w"])
def test_a_moment_that_is_none_is_told(when: str, operator: Operator) -> None:
    code, said = operator.refused("audit", "list", "--since", when)
    assert (code, said.splitlines()[0]) == (2, f"error: '{when}' is no moment")


def test_the_tail_has_the_newest_last(auditor: Operator) -> None:
    lines = auditor.done("audit", "tail", "-n", "2").splitlines()
    assert [line.split("  ")[3] for line in lines] == ["memory.restored", "memory.learned"]
    assert [r["action"] for r in auditor.json("audit", "tail", "-n", "1")] == ["memory.learned"]
    assert auditor.done("audit", "tail", "-n", "0") == ""


def test_a_tail_that_is_followed_shows_what_is_added(auditor: Operator) -> None:
    process = subprocess.Popen(
        [*ENGRAMIA, "audit", "tail", "-n", "1", "--follow"],
        cwd=auditor.home,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert b"memory.learned" in process.stdout.readline()
        auditor.done("patterns", "delete", "retry-http", "--yes")
        assert b"retry-http" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130


def test_an_export_holds_what_the_hashes_cover(auditor: Operator) -> None:
    lines = auditor.done("audit", "export").encode().splitlines()
    assert len(lines) == 4
    for line in lines:
        said = orjson.loads(line)
        own = said.pop("hash")
        assert hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest() == own
    told = auditor.json("audit", "export", "--file", "trail.ndjson", "--action", "memory.trashed")
    assert (auditor.home / "trail.ndjson").read_bytes() == lines[2 if told else 0] + b"\n"


def test_anybody_can_check_an_export_as_the_page_says(auditor: Operator) -> None:
    page = ROOT / "docs" / "howto" / "read-the-audit-trail.md"
    auditor.done("audit", "export", "--file", "trail.ndjson")
    (snippet,) = blocks(page, "python")
    check = compile(snippet, page.name, "exec")
    exec(check, {})  # noqa: S102 -- our own page
    path = auditor.home / "trail.ndjson"
    path.write_text(path.read_text("utf-8").replace("out of date", "well"), "utf-8")
    with pytest.raises(AssertionError):
        exec(check, {})  # noqa: S102 -- our own page


def test_a_whole_trail_is_said_to_be_whole(auditor: Operator) -> None:
    assert auditor.done("audit", "verify") == "4 records in 3 chains: all whole\n"
    report = auditor.json("audit", "verify")
    assert report == {
        "chains": 3,
        "records": 4,
        "witnessed": 0,
        "noted": 0,
        "problems": 0,
        "findings": [],
    }


def test_a_trail_that_was_changed_is_told_with_what_to_do(auditor: Operator) -> None:
    spoilt(auditor, "UPDATE engramia_audit SET who = 'mallory' WHERE number = 2")
    answer = auditor.types("audit", "verify")
    assert (answer.exit_code, answer.stderr) == (7, "")
    assert answer.stdout == (
        "FAIL  default/default  record 2 was altered\n"
        "      compare the record with an export or a copy from before: engramia audit export\n"
        "4 records in 3 chains: 1 problem\n"
    )
    answer = auditor.types("audit", "verify", "--output", "json")
    assert answer.exit_code == 7
    (finding,) = answer.json["findings"]
    assert finding.keys() == {"chain", "number", "problem", "text", "remedy"}


def test_a_witness_finds_what_the_database_no_longer_knows(auditor: Operator) -> None:
    code, said = auditor.refused("audit", "verify", "--witness", "heads")
    assert (code, said.splitlines()) == (
        3,
        ["error: there is no witness 'heads'", "hint: begin one, empty: touch heads"],
    )
    (auditor.home / "heads").touch()
    verify = ("audit", "verify", "--witness", "heads")
    assert auditor.done(*verify).endswith("0 chains compared with the witness: all whole\n")
    assert auditor.done(*verify).endswith("2 chains compared with the witness: all whole\n")
    before = (auditor.home / "heads").read_bytes()
    spoilt(auditor, "DELETE FROM engramia_audit WHERE tenant_id = 'acme'")
    spoilt(auditor, "DELETE FROM engramia_audit_heads WHERE tenant_id = 'acme'")
    assert auditor.types("audit", "verify").exit_code == 0
    answer = auditor.types(*verify)
    assert answer.exit_code == 7
    assert "FAIL  acme/web  records 1 to 1 are gone: the witness has seen them\n" in answer.stdout
    assert (auditor.home / "heads").read_bytes() == before


def test_a_memory_of_files_has_no_trail(newcomer: Operator) -> None:
    newcomer.done("init", "--storage", "json")
    code, said = newcomer.refused("audit", "list")
    assert code == 4
    assert "keeps patterns only" in said
