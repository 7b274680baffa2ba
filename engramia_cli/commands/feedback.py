"""``engramia feedback``: the issues that keep coming up."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Limit, new_app
from engramia_cli.output import json_or, printable, write

app = new_app()


@app.command(cls=Command)
def feedback(ctx: typer.Context, limit: Limit = 5) -> None:
    """Show the issues named at least twice, heaviest first, ready for a prompt.

    engramia feedback --limit 10
    """
    issues = ctx.obj.memory.get_feedback(limit)
    if json_or(ctx, issues):
        return
    if not issues:
        write("no recurring issues: feedback counts from its second occurrence on")
    for issue in issues:
        write(f"- {printable(issue.text)} ({issue.occurrences} times)")
