"""``engramia decay``: forget feedback that nobody has repeated."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Plan, new_app
from engramia_cli.output import json_or, short, table, write

app = new_app()


@app.command(cls=Command)
def decay(ctx: typer.Context, plan: Plan = False) -> None:
    """Forget the issues whose weight fell below 0.1; a weight loses 10 % a week.

    engramia decay --plan
    """
    report = ctx.obj.memory.run_feedback_decay(plan=plan)
    if json_or(ctx, report):
        return
    if report.faded:
        table(
            ("weight", "occurrences", "issue"),
            ((f"{i.weight:.3f}", str(i.occurrences), short(i.text)) for i in report.faded),
        )
        write("")
    verb = "would be forgotten" if report.planned else "forgotten"
    write(f"{len(report.faded):,} issues {verb}, {report.kept:,} kept")
