"""What the commands that migrate have in common: whom to tell, what to confirm."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from engramia_cli.output import confirm, note
from engramia_core.migration.target import WAIT_S, Patience

if TYPE_CHECKING:
    from engramia_core.database.scripts import Step
    from engramia_core.migration.blockers import Waiting
    from engramia_core.migration.plan import MigrationPlan
    from engramia_core.migration.run import MigrationReport, Order


def order(
    ctx: Any,  # noqa: ANN401 -- Typer's own context
    *,
    to: str = "head",
    without_backup: bool = False,
    is_forced: bool = False,
    wait_s: float = WAIT_S,
) -> Order:
    """What was typed; while it waits, stderr says behind whom."""
    from engramia_core.migration.run import Order

    return Order(
        ctx.obj.actor,
        ctx.obj.now(),
        Patience(_tell, wait_s),
        to=to,
        without_backup=without_backup,
        is_forced=is_forced,
        began=_began,
    )


def planned(ctx: Any, to: str, *, is_up: bool) -> MigrationPlan:  # noqa: ANN401
    """What going to a revision would do."""
    from engramia_core.migration.plan import build_plan
    from engramia_core.migration.run import going_down, pending

    target, scripts = ctx.obj.migration_target, ctx.obj.scripts
    with target.reading() as connection:
        steps = (
            pending(connection, scripts, place=target.place, to=to)
            if is_up
            else going_down(connection, scripts, target.place, to)
        )
        return build_plan(connection, scripts, steps, place=target.place)


def bring_up(ctx: Any, asked: Order, *, yes: bool) -> MigrationReport:  # noqa: ANN401
    """Apply what is pending; contractions are confirmed first."""
    from engramia_core.database.scripts import CONTRACT
    from engramia_core.migration import run

    target, scripts = ctx.obj.migration_target, ctx.obj.scripts
    with target.reading() as connection:
        steps = run.pending(connection, scripts, place=target.place, to=asked.to)
    contractions = [s.revision.revision for s in steps if s.revision.phase == CONTRACT]
    if contractions:
        what = ", ".join(contractions)
        confirm(f"{what} of {target.place}: a contraction; older releases stop working?", yes=yes)
    return run.up(target, scripts, asked)


def taken_down(ctx: Any, asked: Order, *, yes: bool) -> MigrationReport:  # noqa: ANN401
    """Take revisions back, once what is lost was said and confirmed."""
    from engramia_core.migration import run

    found = planned(ctx, asked.to, is_up=False)
    if not yes:
        lost = "; ".join(map(str, found.losses)) or "no rows"
        note(f"going down to {found.target} loses {lost}")
    confirm(f"take {found.place} down to {found.target}?", yes=yes)
    return run.down(ctx.obj.migration_target, ctx.obj.scripts, asked)


def bring_up_if_behind(ctx: Any) -> None:  # noqa: ANN401
    """Apply what is pending to a memory that was there before, as ``migrate up`` does; files have no migrations."""
    from engramia_core import installation
    from engramia_core.database import revisions

    if not installation.has_database(ctx.obj.settings):
        return
    with ctx.obj.migration_target.reading() as connection:
        if revisions.fits(connection, revisions.current(connection)):
            return
    bring_up(ctx, order(ctx), yes=False)


def _tell(waiting: Waiting) -> None:
    note(f"waiting, {waiting.revision}: {waiting}")


def _began(step: Step) -> None:
    if not sys.stderr.isatty():
        return
    verb = "applying" if step.is_upgrade else "taking back"
    note(f"{verb} {step.revision.revision} ({step.revision.phase}): {step.revision.title}")
