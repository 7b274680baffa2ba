"""How the plan of a migration looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_cli.output import write
from engramia_cli.terminal import one_line, printable, table

if TYPE_CHECKING:
    from engramia_core.migration.plan import MigrationPlan, PlannedStatement

_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1024


def show_plan(plan: MigrationPlan) -> None:
    """Write a table for each step, and what all of them lose."""
    here = plan.current or "empty"
    if not plan.steps:
        write(f"nothing to do: the schema of {printable(plan.place)} is {here}")
        return
    for step in plan.steps:
        write(f"{step.revision} {step.direction} ({step.phase}): {step.title}")
        if step.is_known:
            table(
                ("lock", "table", "rows", "size", "rewrites", "statement"),
                map(_row, step.statements),
            )
        else:
            write("its statements depend on what it finds in the database")
        for loss in step.losses:
            write(f"loses {loss}")
        write("")
    write(f"{printable(plan.place)} would go from {here} to {plan.target}; nothing was run")


def _row(planned: PlannedStatement) -> tuple[str, ...]:
    effect, size = planned.effect, planned.size
    also = "".join(f" +{name}" for name in effect.also_locks)
    return (
        effect.lock,
        f"{effect.table or ''}{also}",
        f"{size.rows:,}" if size else "",
        _bytes(size.size_bytes) if size and size.size_bytes is not None else "",
        {True: "yes", False: "no", None: "unknown"}[effect.rewrites],
        one_line(planned.sql),
    )


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in _UNITS[:-1]:
        if amount < _THOUSAND:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    return f"{amount:.1f} {_UNITS[-1]}"
