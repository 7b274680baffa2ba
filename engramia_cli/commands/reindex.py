"""``engramia reindex``: embed again."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Plan, new_app
from engramia_cli.output import json_or, write
from engramia_cli.progress import progress_bar

app = new_app()


@app.command(cls=Command)
def reindex(ctx: typer.Context, plan: Plan = False) -> None:
    """Give every pattern a vector of the chosen model; interrupted, the same command goes on.

    engramia reindex --plan
    engramia reindex --embeddings openai:text-embedding-3-small
    """
    with progress_bar("embedding") as bar:
        report = ctx.obj.memory.reindex(plan=plan, progress=bar.advance)
    if json_or(ctx, report):
        return
    change = "" if report.model_before == report.model else f" (before: {report.model_before})"
    verb = "would be embedded" if report.planned else "embedded"
    write(
        f"{report.embedded:,} of {report.live:,} patterns {verb} by {report.model}{change},"
        f" {report.characters:,} characters"
    )
