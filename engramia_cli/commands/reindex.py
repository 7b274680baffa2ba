"""``engramia reindex``: embed again."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Plan, new_app
from engramia_cli.output import json_or, write
from engramia_cli.progress import progress
from engramia_cli.terminal import counted

app = new_app()


@app.command(cls=Command)
def reindex(ctx: typer.Context, plan: Plan = False) -> None:
    """Embed again, for another model or after a repair.

    engramia reindex --plan
    engramia reindex --embeddings openai:text-embedding-3-small

    Every pattern gets a vector of the chosen model. Interrupted, the same command goes on where it stopped.
    """
    with progress("embedding") as counter:
        report = ctx.obj.memory.reindex(plan=plan, progress=counter.advance)
    if json_or(ctx, report):
        return
    change = "" if report.model_before == report.model else f" (before: {report.model_before})"
    write(
        f"{report.embedded:,} of {counted(report.live, 'pattern')}"
        f" {'would be embedded' if plan else 'embedded'} by {report.model}{change},"
        f" {counted(report.characters, 'character')}"
    )
