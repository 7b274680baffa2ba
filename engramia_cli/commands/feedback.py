"""``engramia feedback``: the issues that keep coming up."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Limit, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import one_line

app = new_app()


@app.command(cls=Command)
def feedback(ctx: typer.Context, limit: Limit = 5) -> None:
    """Show the issues that keep coming up, for a prompt.

    engramia feedback --limit 10

    An issue is shown from the second time on that refine --feedback named it; the heaviest come first.
    """
    issues = ctx.obj.memory.get_feedback(limit)
    if json_or(ctx, issues):
        return
    if not issues:
        note("note: no recurring issues; feedback counts from its second occurrence on")
    for issue in issues:
        write(f"- {one_line(issue.text)} ({issue.occurrences} times)")
