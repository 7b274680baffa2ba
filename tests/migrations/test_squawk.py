"""A linter of migrations reads the SQL of every revision, both ways."""

from __future__ import annotations

import subprocess  # noqa: TID251 -- a linter of its own
import sys
from pathlib import Path

import pytest

from engramia_core.database.scripts import Scripts, Step
from tests.migrations.places import scripts_with

SQUAWK = Path(sys.executable).with_name("squawk")
WITHOUT = {
    "prefer-text-field": "names and words are short on purpose, and their limits never change",
    "prefer-bigint-over-int": "what is counted in 32 bits is a pid, a number of dimensions, of rows pruned",
    "prefer-bigint-over-smallint": "there are two kinds of signatures",
    "require-lock-timeout": "postgres_target.py sets it before every statement",
    "require-statement-timeout": "a migration may take its time; what it holds up is bounded by the lock timeout",
}
WITHOUT_ON_THE_WAY_DOWN = {
    "ban-drop-table": "taking back a revision drops what it made, after saying so",
    "ban-drop-column": "likewise",
}
STEPS = (*Scripts().up(None), *Scripts().down(Scripts().head, "base"))


def complaints(scripts: Scripts, step: Step, folder: Path) -> str:
    statements = scripts.sql(step, "postgresql")
    file = folder / f"{step.revision.revision}.sql"
    file.write_text("".join(f"{statement};\n" for statement in statements), encoding="utf-8")
    without = list(WITHOUT) + ([] if step.is_upgrade else list(WITHOUT_ON_THE_WAY_DOWN))
    is_whole = not any("CONCURRENTLY" in statement for statement in statements)
    command = [
        str(SQUAWK),
        "--pg-version=15.0",
        "--reporter=gcc",
        f"--exclude={','.join(without)}",
        *(["--assume-in-transaction"] if is_whole else []),
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize(
    "step",
    STEPS,
    ids=lambda step: f"{step.revision.revision}-{'up' if step.is_upgrade else 'down'}",
)
def test_no_revision_does_what_the_linter_warns_of(step: Step, tmp_path: Path) -> None:
    assert complaints(Scripts(), step, tmp_path) == ""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("op.create_index('ix_x', 'engramia_data', ['source'])", "require-concurrent-index"),
        ("op.alter_column('engramia_data', 'output', nullable=False)", "adding-not-null"),
        ("op.drop_table('memory_issues')", "ban-drop-table"),
        ("op.rename_table('memory_issues', 'x')", "renaming-table"),
    ],
)
def test_a_dangerous_revision_would_be_found(statement: str, rule: str, tmp_path: Path) -> None:
    source = f"PHASE = 'expand'\n\ndef upgrade():\n    {statement}\n\ndef downgrade():\n    pass\n"
    newer = scripts_with(tmp_path, _0003=source)
    (step,) = newer.up("0002")
    assert rule in complaints(newer, step, tmp_path)
