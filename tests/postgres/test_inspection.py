from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import make_url

from engramia_core.memory.stored import EmbeddingModel
from engramia_core.scope import Scope
from tests.bench.corpus import DIMENSIONS, vectors
from tests.bench.postgres_fill import fill_scopes
from tests.cli.operator import Operator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.server import Server

MODEL = EmbeddingModel("given", DIMENSIONS)


@pytest.fixture
def url(postgres: Server) -> str:
    url = postgres.migrated()
    fill_scopes(url, MODEL.model_id, {Scope("large"): vectors(3_200, 2)})
    return url


@pytest.fixture
def shell(url: str, tmp_path: Path) -> Operator:
    return Operator(tmp_path, environment={"ENGRAMIA_DATABASE_URL": url})


def test_an_inspection_tells_of_a_missing_index_and_then_of_what_it_finds(shell: Operator) -> None:
    answer = shell.types("db", "inspect")
    assert answer.exit_code == 7
    assert "given  FAIL missing" in answer.stdout
    shell.done("db", "index", "--memory", "64", "--workers", "0")
    found = shell.json("db", "inspect", "--sample", "10")
    (index,) = found["figures"]["indexes"]
    assert (index["state"], index["sampled"]) == ("valid", 10)
    assert index["recall_at_5"] >= 0.95
    assert index["index_p50_ms"] > 0
    assert {row["name"] for row in found["figures"]["settings"]} >= {"shared_buffers"}
    page = shell.done("db", "inspect")
    assert "shared_preload_libraries" in page
    assert "every scope's rows are kept apart" in page


def test_an_inspection_tells_who_waits_for_whom(url: str, shell: Operator) -> None:
    shell.done("db", "index", "--memory", "64", "--workers", "0")
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE engramia_data IN ROW EXCLUSIVE MODE")
        holder.execute("SELECT 'a query of theirs'")
        found = shell.json("db", "inspect")
        pid = holder.info.backend_pid
    assert {"pid": pid, "relation": "engramia_data", "mode": "RowExclusiveLock"}.items() <= (
        next(row for row in found["figures"]["locks"] if row["pid"] == pid).items()
    )
    assert any("a query of theirs" in row["query"] for row in found["figures"]["sessions"])


def test_an_open_table_is_a_problem(postgres: Server, url: str, shell: Operator) -> None:
    shell.done("db", "index", "--memory", "64", "--workers", "0")
    database = str(make_url(url).database)
    postgres.run("ALTER TABLE memory_skills DISABLE ROW LEVEL SECURITY", database=database)
    answer = shell.types("db", "inspect")
    assert answer.exit_code == 7
    assert "memory_skills is open to every scope" in answer.stdout


def test_a_vacuum_plans_and_does(shell: Operator) -> None:
    assert "VACUUM (ANALYZE) engramia_data" in shell.done("db", "vacuum", "--plan")
    done = shell.json("db", "vacuum", "--table", "engramia_data")
    assert [step["statement"] for step in done["steps"]] == ["VACUUM (ANALYZE) engramia_data"]
    assert done["bytes_after"] > 0
    code, told = shell.refused("db", "vacuum", "--table", "pg_class")
    assert (code, "there is no table 'pg_class'" in told) == (3, True)


def test_a_file_of_sqlite_is_inspected_and_vacuumed(tmp_path: Path) -> None:
    shell = Operator(tmp_path, environment={"ENGRAMIA_DATA_PATH": str(tmp_path / "memory")})
    shell.done("init")
    assert "integrity  ok" in shell.done("db", "inspect")
    assert "VACUUM" in shell.done("db", "vacuum", "--plan")
    assert shell.json("db", "vacuum")["steps"][1]["seconds"] is not None
    assert shell.refused("db", "vacuum", "--table", "engramia_data")[0] == 4
    for command in ("index", "reindex-index"):
        code, told = shell.refused("db", command)
        assert (code, "exactly" in told) == (4, True)
