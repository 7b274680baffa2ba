from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from engramia_core.database.scripts import Scripts
from engramia_core.migration.plan import build_plan
from engramia_core.migration.sizes import Loss
from tests.migrations.places import ADD_A_COLUMN, scripts_with

if TYPE_CHECKING:
    from pathlib import Path

    from engramia_core.migration.plan import MigrationPlan
    from tests.migrations.places import Place

LOOKS_FIRST = """
PHASE = "contract"

def upgrade():
    with op.batch_alter_table("engramia_data", recreate="always") as batch:
        batch.drop_column("output")

def downgrade():
    pass
"""
DROP_AN_INDEX = """
PHASE = "contract"

def upgrade():
    op.drop_index("ix_memory_changes_key")
    op.drop_column("engramia_data", "success_score")

def downgrade():
    pass
"""


def plan_of(place: Place, scripts: Scripts, *, to: str | None = None) -> MigrationPlan:
    with closing(place.target()) as target, target.reading() as connection:
        steps = scripts.down("0002", to) if to else scripts.up("0002")
        return build_plan(connection, scripts, steps, place=target.place)


def test_a_plan_names_the_table_its_lock_and_its_size(filled: Place, tmp_path: Path) -> None:
    plan = plan_of(filled, scripts_with(tmp_path, _0003=ADD_A_COLUMN))
    (step,) = plan.steps
    added = step.statements[0]
    assert (plan.current, plan.target, step.direction, step.phase) == (
        "0002",
        "0003",
        "up",
        "expand",
    )
    assert added.sql.startswith("ALTER TABLE engramia_data ADD COLUMN note")
    assert added.effect.table == "engramia_data"
    assert added.effect.lock == (
        "write lock (whole file)" if filled.is_sqlite else "ACCESS EXCLUSIVE"
    )
    assert added.size
    assert added.size.rows == 2
    assert (added.size.size_bytes is None) == filled.is_sqlite
    assert plan.losses == ()
    assert filled.revision() == "0002"


def test_the_plan_of_a_way_down_counts_what_is_lost(filled: Place) -> None:
    lost = plan_of(filled, Scripts(), to="0001").losses
    assert Loss("engramia_keys", None, 1) in lost
    assert Loss("memory_projects", None, 1) in lost
    assert "engramia_revisions" not in {loss.table for loss in lost}
    everything = plan_of(filled, Scripts(), to="base").losses
    assert Loss("engramia_data", None, 2) in everything


def test_the_values_of_a_column_are_lost_with_it(filled: Place, tmp_path: Path) -> None:
    plan = plan_of(filled, scripts_with(tmp_path, _0003=DROP_AN_INDEX))
    assert plan.losses == (Loss("engramia_data", "success_score", 2),)
    index = plan.steps[0].statements[0]
    assert index.effect.table == "memory_changes"


def test_a_revision_that_looks_first_cannot_be_told(filled: Place, tmp_path: Path) -> None:
    plan = plan_of(filled, scripts_with(tmp_path, _0003=LOOKS_FIRST))
    (step,) = plan.steps
    assert (step.is_known, step.statements) == (False, ())
