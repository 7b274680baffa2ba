"""``engramia aging``: forget what has faded, and undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.operation import operation
from engramia_cli.options import ChangingCommand, Command, Plan, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import counted, one_line, table
from engramia_core.errors import Busy
from engramia_core.memory.aging import DEFAULT_MAX_PRUNE_PERCENT

if TYPE_CHECKING:
    from engramia_cli.context import CliContext
    from engramia_core.library import Memory
    from engramia_core.memory.prune import AgingReport

app = new_app(group=True, also_alone=True)


@app.callback()
def aging(
    ctx: typer.Context,
    plan: Plan = False,
    max_prune_percent: Annotated[
        float, typer.Option(min=0, max=100, metavar="N", help="Stop if more would be pruned.")
    ] = DEFAULT_MAX_PRUNE_PERCENT,
) -> None:
    """Forget what has faded; it can be undone for 30 days.

    engramia aging --plan
    engramia aging --path ./engramia_data
    engramia aging undo 06h0jhcrop9o173958r0d0lmtg

    Patterns whose survival fell below 0.1 are pruned: they go to the trash, and what lay there for 30 days is purged.
    Survival is score * 0.98 ** weeks however often this runs, so cron may run it as often as you like. If another run is
    under way, this one does nothing.
    """
    if ctx.invoked_subcommand is not None:
        return
    memory: Memory = ctx.obj.memory
    try:
        report = _run(ctx.obj, max_prune_percent=max_prune_percent, plan=plan)
    except Busy as busy:
        note(f"note: {busy.message}; nothing was done here")
        report = _nothing_done(memory)
    if json_or(ctx, report):
        return
    if report.pruned:
        table(
            ("key", "survival", "task"),
            ((f.key, f"{f.survival:.3f}", one_line(f.task)) for f in report.pruned),
        )
        write("")
    write(
        f"{len(report.pruned):,} of {counted(report.live, 'pattern')}"
        f" {'would be pruned' if plan else 'pruned'} ({report.percent:.1f} %),"
        f" {report.purged:,} {'would be purged' if plan else 'purged'} from the trash"
    )
    if report.run and report.pruned:
        write(f"undo within 30 days: {ctx.obj.typed(f'engramia aging undo {report.run}')}")


def _run(context: CliContext, *, max_prune_percent: float, plan: bool) -> AgingReport:
    memory: Memory = context.memory
    if plan:
        return memory.run_aging(max_prune_percent=max_prune_percent, plan=True)
    with operation(context, "aging", memory.scope) as running:
        report = memory.run_aging(max_prune_percent=max_prune_percent)
        running.result = f"{len(report.pruned):,} pruned, {report.purged:,} purged"
    return report


def _nothing_done(memory: Memory) -> AgingReport:
    from engramia_core.memory.prune import AgingReport

    return AgingReport(False, None, memory.metrics().live, (), 0)


@app.command(cls=ChangingCommand)
def undo(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as aging printed it.")],
) -> None:
    """Bring back whole what a run pruned.

    engramia aging undo 06h0jhcrop9o173958r0d0lmtg

    Aging leaves what came back alone for 30 days. The runs are listed by: engramia aging runs
    """
    memory: Memory = ctx.obj.memory
    with operation(ctx.obj, "aging.undo", memory.scope) as running:
        report = memory.undo_aging(run)
        running.result = f"run {run}, {len(report.restored):,} brought back"
    if not json_or(ctx, report):
        write(f"{counted(len(report.restored), 'pattern')} brought back")


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
