from __future__ import annotations

import os
import pty
import subprocess  # noqa: TID251 -- a person at a terminal needs a process
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.cli.operator import ENGRAMIA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.operator import Operator

SHOP = ("--tenant", "acme", "--project", "shop")


@pytest.fixture
def landlord(operator: Operator) -> Operator:
    """The operator with two projects of tenant acme beside the small memory."""
    for project in ("shop", "blog"):
        (operator.home / "code.py").write_text(f"print({project!r})\n")
        where = ("--tenant", "acme", "--project", project)
        operator.done("learn", f"Do {project}", "--code", "code.py", "--score", "8", *where)
    return operator


def test_tenants_are_listed_with_what_is_kept(landlord: Operator) -> None:
    found = landlord.json("tenants", "list")
    assert [(t["tenant_id"], t["projects"], t["live"]) for t in found] == [
        *(("acme", 2, 2), ("default", 1, 4))
    ]
    assert all(t["last_write_at"] for t in found)
    lines = landlord.done("tenants", "list").splitlines()
    assert lines[0].split() == [
        "tenant",
        "projects",
        "live",
        "made",
        "(UTC)",
        "last",
        "write",
        "(UTC)",
    ]
    assert lines[1].split()[:3] == ["acme", "2", "2"]


def test_projects_are_listed_of_a_tenant_or_of_all(landlord: Operator) -> None:
    def listed(*options: str) -> list[str]:
        return [
            f"{p['tenant_id']}/{p['project_id']}"
            for p in landlord.json("projects", "list", *options)
        ]

    assert listed() == ["acme/blog", "acme/shop", "default/default"]
    assert listed("--tenant", "acme") == ["acme/blog", "acme/shop"]
    answer = landlord.types("projects", "list", "--tenant", "nobody")
    assert (answer.stdout, answer.stderr) == ("", "note: no project was written to yet\n")


def test_a_tenant_and_a_project_are_made_once(landlord: Operator) -> None:
    code, said = landlord.refused("projects", "create", "web", "--tenant", "umbrella")
    assert (code, said.splitlines()) == (
        3,
        [
            "error: there is no tenant 'umbrella'",
            "hint: engramia --tenant umbrella tenants create umbrella",
        ],
    )
    assert landlord.done("tenants", "create", "umbrella") == "tenant umbrella was made\n"
    made = landlord.done("projects", "create", "web", "--tenant", "umbrella")
    assert made == "project umbrella/web was made\n"
    assert landlord.refused("tenants", "create", "umbrella")[0] == 4
    assert landlord.refused("projects", "create", "web", "--tenant", "umbrella")[0] == 4
    (umbrella,) = (t for t in landlord.json("tenants", "list") if t["tenant_id"] == "umbrella")
    assert (umbrella["projects"], umbrella["live"], umbrella["last_write_at"]) == (1, 0, None)
    for bad in ("..", "a/b", ""):
        assert landlord.refused("tenants", "create", bad)[0] == 2


def test_a_plan_says_what_would_be_lost_and_changes_nothing(landlord: Operator) -> None:
    before = landlord.json("audit", "list")
    plan = landlord.json("tenants", "delete", "acme", "--plan")
    assert (plan["planned"], plan["tenant_id"], plan["project_id"]) == (True, "acme", None)
    assert [(s["project_id"], s["live"], s["observations"]) for s in plan["scopes"]] == [
        *(("blog", 1, 1), ("shop", 1, 1))
    ]
    assert (plan["keys"], plan["audit_records"], plan["exports"]) == (0, 2, [])
    said = landlord.done("projects", "delete", "default", "--plan").splitlines()
    assert said[1].split()[:5] == ["default", "4", "1", "5", "1"]
    assert said[3:] == [
        "default/default would be deleted, 0 keys revoked",
        "1 audit record would stay",
    ]
    assert landlord.json("audit", "list") == before


def test_a_deleted_project_is_exported_first_and_can_be_brought_back(landlord: Operator) -> None:
    exported = landlord.done("export", "--with-vectors")
    report = landlord.json("projects", "delete", "default", "--yes", "--reason", "moved")
    (file,) = report["exports"]
    assert file.startswith("engramia-exports/default+default-20260103T")
    assert (landlord.home / file).read_text() == exported
    assert set(landlord.json("status")["counts"].values()) == {0}
    assert landlord.json("status")["model"] is None
    landlord.done("import", file)
    assert landlord.done("export", "--with-vectors") == exported
    assert landlord.json("recall", "parse CSV rows")["matches"][0]["pattern"]["key"] == "parse-csv"
    assert landlord.done("audit", "verify").endswith("all whole\n")


def test_a_deleted_tenant_is_gone_and_its_trail_stays(landlord: Operator) -> None:
    said = landlord.done("tenants", "delete", "acme", "--yes", "--export-to", "copies")
    assert "\nacme deleted, 0 keys revoked\n2 audit records stay\nexported to copies/" in said
    assert len(list((landlord.home / "copies").iterdir())) == 2
    assert [t["tenant_id"] for t in landlord.json("tenants", "list")] == ["default"]
    assert landlord.json("status")["counts"]["live"] == 4
    records = landlord.json("audit", "list", "--tenant", "acme", "--project", "shop")["records"]
    assert [r["action"] for r in sorted(records, key=lambda record: record["number"])] == [
        *("memory.learned", "memory.purged", "projects.delete")
    ]
    operations = [
        (r["action"], r["target"], r["outcome"])
        for r in landlord.json("audit", "list", "--action", "tenants")["records"]
    ]
    assert operations == [("tenants.delete", "acme", "done"), ("tenants.delete", "acme", "started")]
    assert landlord.refused("tenants", "delete", "acme", "--yes") == (
        3,
        "error: there is no tenant 'acme'\nhint: known tenants: default\n",
    )


def test_an_export_is_never_overwritten(landlord: Operator) -> None:
    first = landlord.json("projects", "delete", "shop", "--tenant", "acme", "--yes")["exports"]
    landlord.done("learn", "Again", "--code", "code.py", "--score", "8", *SHOP)
    second = landlord.json("projects", "delete", "shop", "--tenant", "acme", "--yes")["exports"]
    assert second == [first[0].replace(".ndjson", "-2.ndjson")]
    headers = [
        orjson.loads((landlord.home / f).read_bytes().splitlines()[0]) for f in first + second
    ]
    assert [header["patterns"] for header in headers] == [1, 1]


def test_without_an_export_none_is_made(landlord: Operator) -> None:
    report = landlord.json("tenants", "delete", "acme", "--yes", "--no-export")
    assert report["exports"] == []
    assert "engramia-exports" not in landlord.files()


def test_nothing_is_deleted_when_the_export_fails(landlord: Operator) -> None:
    (landlord.home / "taken").write_text("")
    code, said = landlord.refused("tenants", "delete", "acme", "--yes", "--export-to", "taken")
    assert code == 5
    assert said.startswith("error: cannot create 'taken': ")
    assert landlord.json("tenants", "list")[0]["live"] == 2
    (newest, *_) = landlord.json("audit", "list", "--action", "tenants")["records"]
    assert (newest["action"], newest["outcome"]) == ("tenants.delete", "failed")


def test_deleting_needs_a_yes_or_the_name(landlord: Operator) -> None:
    code, said = landlord.refused("tenants", "delete", "acme")
    assert (code, said.splitlines()[-1]) == (4, "hint: add --yes")
    assert at_a_terminal(landlord.home, "y", "tenants", "delete", "acme") == 4
    assert landlord.json("tenants", "list")[0]["live"] == 2
    assert at_a_terminal(landlord.home, "acme", "tenants", "delete", "acme") == 0
    assert [t["tenant_id"] for t in landlord.json("tenants", "list")] == ["default"]


def at_a_terminal(home: Path, answer: str, *arguments: str) -> int:
    """The exit code of a command that somebody at a terminal answers."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ENGRAMIA, *arguments], cwd=home, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    code = process.wait(60)
    assert b"this deletes acme for good: 2 live patterns, 0 in the trash, 0 keys revoked" in said
    return code
