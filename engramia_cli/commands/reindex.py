"""``engramia reindex``: embed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engramia_cli.operation import operation
from engramia_cli.options import ChangingCommand, Plan, new_app
from engramia_cli.output import json_or, write
from engramia_cli.progress import after_bulk, progress
from engramia_cli.terminal import counted

if TYPE_CHECKING:
    from engramia_cli.context import CliContext
    from engramia_core.memory.reindex import ReindexReport

app = new_app()


@app.command(cls=ChangingCommand)
def reindex(ctx: typer.Context, plan: Plan = False) -> None:
    """Embed again, for another model or after a repair.

    engramia reindex --plan
    engramia reindex --embeddings openai:text-embedding-3-small

    Every pattern gets a vector of the chosen model. Interrupted, the same command goes on where it stopped.
    """
    report = ctx.obj.memory.reindex(plan=True) if plan else _run(ctx.obj)
    if not plan:
        after_bulk(ctx.obj.memory)
    if json_or(ctx, report):
        return
    change = "" if report.model_before == report.model else f" (before: {report.model_before})"
    write(
        f"{report.embedded:,} of {counted(report.live, 'pattern')}"
        f" {'would be embedded' if plan else 'embedded'} by {report.model}{change},"
        f" {counted(report.characters, 'character')}"
    )


def _run(context: CliContext) -> ReindexReport:
    memory = context.memory
    with operation(context, "reindex", memory.scope) as running, progress("embedding") as counter:
        report = memory.reindex(progress=counter.advance)
        running.result = f"{report.embedded:,} embedded by {report.model}"
    return report
