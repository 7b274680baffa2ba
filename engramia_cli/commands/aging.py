"""``engramia aging``: forget what has faded, and undo it."""

from __future__ import annotations

from typing import Annotated

import typer

from engramia_cli.options import Command, Plan, new_app
from engramia_cli.output import json_or, note, short, table, write
from engramia_core.errors import Busy
from engramia_core.memory.aging import DEFAULT_MAX_PRUNE_PERCENT

app = new_app(group=True, also_alone=True)


@app.callback()
def aging(
    ctx: typer.Context,
    plan: Plan = False,
    max_prune_percent: Annotated[
        float,
        typer.Option(min=0, max=100, metavar="0..100", help="Stop if more of the scope would go."),
    ] = DEFAULT_MAX_PRUNE_PERCENT,
) -> None:
    """Put patterns whose survival fell below 0.1 in the trash, and purge what lay there for 30 days.

    engramia aging --plan
    engramia aging --path ./engramia_data        # from cron, as often as you like
    engramia aging undo 01jdq3v8k2m5n7p9r1s3t5v7w9

    Survival is score * 0.98 ** weeks, whatever the frequency of runs.
    """
    if ctx.invoked_subcommand is not None:
        return
    try:
        report = ctx.obj.memory.run_aging(max_prune_percent=max_prune_percent, plan=plan)
    except Busy as busy:
        note(f"{busy.message}; nothing to do")
        return
    if json_or(ctx, report):
        return
    verb = "would be pruned" if report.planned else "pruned"
    if report.pruned:
        table(
            ("key", "survival", "task"),
            ((f.key, f"{f.survival:.3f}", short(f.task)) for f in report.pruned),
        )
        write("")
    write(
        f"{len(report.pruned):,} of {report.live:,} patterns {verb} ({report.percent:.1f} %),"
        f" {report.purged:,} {'would be purged' if report.planned else 'purged'} from the trash"
    )
    if report.run and report.pruned:
        write(f"undo within 30 days: engramia aging undo {report.run}")


@app.command(cls=Command)
def undo(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as aging printed it.")],
) -> None:
    """Bring back whole what a run pruned; aging leaves it alone for 30 days.

    engramia aging undo 01jdq3v8k2m5n7p9r1s3t5v7w9
    """
    report = ctx.obj.memory.undo_aging(run)
    if not json_or(ctx, report):
        write(f"{len(report.restored):,} patterns are back")


@app.command(cls=Command)
def runs(ctx: typer.Context) -> None:
    """List the runs that changed something, newest first.

    engramia aging runs
    """
    found = ctx.obj.memory.aging_runs()
    if json_or(ctx, found):
        return
    if not found:
        write("no run of aging has changed anything yet")
        return
    table(
        ("run", "when (UTC)", "pruned", "purged"),
        ((r.run, f"{r.at:%Y-%m-%d %H:%M:%S}", f"{r.pruned:,}", f"{r.purged:,}") for r in found),
    )
