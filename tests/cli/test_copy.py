from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, select

from engramia_core.database.operation_tables import audit
from engramia_core.stores import create_store, open_store
from engramia_core.stores.databases import SQLiteDatabase
from tests.copying import BLOG, SHOP, exported, fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.operator import Operator
    from tests.postgres.server import Server

TYPED = "hunter2-and-more"
PAGE = """\
{home}/engramia_data was copied into {home}/copied

default/default
  patterns       4 live, 1 in the trash, 0 purged
  of them        5 observations, 5 lines of history
  beside them    1 issue, 0 runs of aging
"""


@pytest.fixture
def two_scopes(newcomer: Operator) -> Operator:
    """Somebody with a memory of two scopes in ``source``, neither of them the default."""
    with closing(create_store(newcomer.home / "source")) as store:
        fill(store, SHOP)
        fill(store, BLOG)
    return newcomer


def test_a_plan_says_what_would_be_copied_and_makes_nothing(operator: Operator) -> None:
    before = operator.files()
    said = operator.done("copy", "--to", "copied", "--to-storage", "json", "--plan")
    assert said.startswith(f"{operator.home}/engramia_data would be copied into ")
    assert "in the target  6 missing, 0 the same, 0 in conflict" in said
    assert said.endswith("keys and the audit trail are not copied\n")
    assert operator.files() == before


def test_a_copy_shows_both_sums(operator: Operator) -> None:
    said = operator.done("copy", "--to", "copied", "--yes")
    assert said.startswith(PAGE.format(home=operator.home))
    sums = {line.split()[-1] for line in said.splitlines() if line.startswith("  sha256 ")}
    assert len(sums) == 1
    assert len(sums.pop()) == 64
    assert operator.done("--path", "copied", "export", "--with-vectors") == operator.done(
        "export", "--with-vectors"
    )


def test_a_copy_asks_and_a_copy_of_nothing_does_not(operator: Operator) -> None:
    assert operator.refused("copy", "--to", "copied") == (
        4,
        "error: this needs a confirmation, and there is no terminal to ask\nhint: add --yes\n",
    )
    assert operator.files() == {"engramia_data"}
    operator.done("copy", "--to", "copied", "--yes")
    report = operator.json("copy", "--to", "copied")
    assert (report["scopes"][0]["new"], report["scopes"][0]["unchanged"]) == (0, 6)


@pytest.mark.parametrize("storage", ["sqlite", "json"])
def test_every_scope_is_copied(storage: str, two_scopes: Operator) -> None:
    to = ("copy", "--path", "source", "--to", "there", "--to-storage", storage)
    code, said = two_scopes.refused(*to, "--yes")
    assert (code, said.splitlines()[0]) == (
        3,
        "error: there is nothing in default/default to copy",
    )
    report = two_scopes.json(*to, "--all-scopes", "--yes")
    names = [each["scope"]["project_id"] for each in report["scopes"]]
    assert names == ["blog", "shop"]
    home = two_scopes.home
    with closing(open_store(home / "source")) as a, closing(open_store(home / "there")) as b:
        assert b.storage == storage
        for scope in (SHOP, BLOG):
            assert exported(b, scope) == exported(a, scope)
            assert list(b.kept(scope)) == list(a.kept(scope))


def test_one_scope_is_named(two_scopes: Operator) -> None:
    two_scopes.done(
        *("copy", "--path", "source", "--tenant", "acme", "--project", "blog"),
        *("--to", "there", "--yes"),
    )
    with closing(open_store(two_scopes.home / "there")) as there:
        assert there.scopes() == [BLOG]


def test_a_conflict_is_refused_skipped_or_overwritten(operator: Operator) -> None:
    operator.done("copy", "--to", "copied", "--yes")
    operator.done("--path", "copied", "refine", "retry-http", "--score", "2")
    before = operator.done("--path", "copied", "export")
    code, said = operator.refused("copy", "--to", "copied", "--yes")
    assert code == 4
    assert "1 of default/default have another content in the target: retry-http;" in said
    assert said.endswith("hint: choose: --on-conflict skip or overwrite\n")
    planned = operator.done("copy", "--to", "copied", "--plan")
    assert "0 missing, 5 the same, 1 in conflict" in planned
    assert "conflicts      retry-http" in planned
    operator.done("copy", "--to", "copied", "--on-conflict", "skip")
    assert operator.done("--path", "copied", "export") == before
    assert operator.refused("copy", "--to", "copied", "--on-conflict", "overwrite")[0] == 4
    operator.done("copy", "--to", "copied", "--on-conflict", "overwrite", "--yes")
    assert operator.done("--path", "copied", "export") == operator.done("export")


def test_the_trail_of_the_target_says_who_copied_from_where(operator: Operator) -> None:
    operator.done("copy", "--to", "copied", "--yes")
    home = operator.home
    with closing(SQLiteDatabase(home / "copied")) as database, database.everything() as connection:
        here = select(audit).where(audit.c.tenant_id == "default").order_by(audit.c.number)
        rows = connection.execute(here).all()
    assert rows[-1].action == "memory.imported"
    assert rows[-1].detail == "5 imported"
    assert rows[-1].reason == f"copy from {home}/engramia_data"


def test_what_has_no_trail_yet_is_told_apart_by_the_history(operator: Operator) -> None:
    operator.done("copy", "--to", "copied", "--yes")
    assert operator.done("--path", "copied", "patterns", "history", "parse-csv") == operator.done(
        "patterns", "history", "parse-csv"
    )


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{TYPED}@db.example/engramia",
        f"postgresql://me@db.example/engramia?password={TYPED}",
        f"postgres://me:{TYPED}@db.example/engramia",
    ],
)
def test_a_password_on_the_command_line_is_refused(url: str, operator: Operator) -> None:
    code, said = operator.refused("copy", "--to", url, "--plan")
    assert code == 2
    assert TYPED not in said
    assert "every user of the machine sees it" in said
    assert "ENGRAMIA_COPY_TO_URL" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no place to copy to is named"),
        (("--to", ""), "the place to copy to is empty"),
        (("--to", "engramia_data"), "cannot be copied into itself"),
        (("--to", "mysql://db/engramia"), "the database URL is not one of PostgreSQL"),
        (("--to", "a", "--to-url-file", "b"), "--to and --to-url-file name two places"),
        (("--to-url-file", "missing"), "'missing' cannot be read"),
        (
            ("--to", "postgresql://db/engramia", "--to-storage", "json"),
            "a storage is chosen for a new directory",
        ),
    ],
)
def test_a_place_that_cannot_be_is_said(
    arguments: tuple[str, ...], said: str, operator: Operator
) -> None:
    code, message = operator.refused("copy", *arguments, "--yes")
    assert code == 2
    assert said in message
    assert operator.files() == {"engramia_data"}


def test_a_source_with_a_broken_file_is_not_copied(operator: Operator) -> None:
    operator.done("copy", "--to", "files", "--to-storage", "json", "--yes")
    broken = operator.home / "files" / "patterns" / "default" / "default" / "parse-csv.json"
    broken.write_text("{")
    code, said = operator.refused("copy", "--path", "files", "--to", "there", "--yes")
    assert (code, "1 file of default/default cannot be read" in said) == (4, True)
    assert operator.files() == {"engramia_data", "files"}


def test_a_database_is_named_by_the_environment_or_a_file(
    operator: Operator, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.migrated()
    operator.environment["ENGRAMIA_COPY_TO_URL"] = url
    assert "6 missing" in operator.done("copy", "--plan")
    del operator.environment["ENGRAMIA_COPY_TO_URL"]
    (tmp_path / "url").write_text(f"{url}\n")
    report = operator.json("copy", "--to-url-file", "url", "--yes")
    checked = report["scopes"][0]["checked"]
    assert checked["source_sha256"] == checked["target_sha256"]
    assert "@" not in report["target"]
    assert operator.json("copy", "--to", url)["scopes"][0]["unchanged"] == 6


def test_a_database_that_was_never_migrated_is_left_alone(
    operator: Operator, postgres: Server
) -> None:
    url = postgres.empty()
    assert operator.refused("copy", "--to", url, "--yes")[0] == 4


def test_only_the_owner_copies_every_scope_out_of_a_database(
    newcomer: Operator, postgres: Server
) -> None:
    url = postgres.migrated()
    postgres.run("CREATE ROLE only_a_member LOGIN IN ROLE engramia_app")
    member = url.replace("//postgres@", "//only_a_member@")
    newcomer.environment["ENGRAMIA_DATABASE_URL"] = url
    with closing(create_store(newcomer.home / "s")) as source:
        fill(source)
    newcomer.done("copy", "--path", "s", "--to", url, "--all-scopes", "--yes")
    newcomer.environment["ENGRAMIA_DATABASE_URL"] = member
    code, said = newcomer.refused("copy", "--to", "out", "--all-scopes", "--yes")
    assert code == 4
    assert "only the tables' owner may see every scope" in said
    one = ("--tenant", "acme", "--project", "shop")
    newcomer.done("copy", *one, "--to", "out", "--yes")
    newcomer.environment["ENGRAMIA_DATABASE_URL"] = url
    newcomer.done("copy", "--to", "all", "--all-scopes", "--yes")
    assert newcomer.json("--path", "all", "status", *one)["counts"]["live"] == 9


SPOILS = (
    """CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.key = 'retry-http' THEN NEW.code = 'spoilt'; END IF; RETURN NEW; END $$""",
    "CREATE TRIGGER spoil BEFORE INSERT ON engramia_data FOR EACH ROW EXECUTE FUNCTION spoil()",
)


def test_a_target_that_keeps_something_else_is_found_out(
    operator: Operator, postgres: Server
) -> None:
    url = postgres.migrated()
    for statement in SPOILS:
        postgres.run(statement, database=make_url(url).database or "")
    answer = operator.types("copy", "--to", url, "--yes", "--output", "json")
    assert answer.exit_code == 6
    assert "1 of default/default differ from the source: retry-http" in answer.stderr
    checked = answer.json["scopes"][0]["checked"]
    assert checked["source_sha256"] != checked["target_sha256"]
    assert checked["first_differing"] == ["retry-http"]
