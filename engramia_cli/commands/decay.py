"""``engramia decay``: forget feedback that nobody has repeated."""

from __future__ import annotations

import typer

from engramia_cli.options import ChangingCommand, Plan, new_app
from engramia_cli.output import json_or, write
from engramia_cli.terminal import counted, one_line, table

app = new_app()


@app.command(cls=ChangingCommand)
def decay(ctx: typer.Context, plan: Plan = False) -> None:
    """Forget feedback that nobody has repeated.

    engramia decay --plan
    engramia decay

    An issue weighs 1 each time it is named and loses 10 % a week; below 0.1 it is forgotten.
    """
    report = ctx.obj.memory.run_feedback_decay(plan=plan)
    if json_or(ctx, report):
        return
    if report.faded:
        table(
            ("weight", "times", "issue"),
            ((f"{i.weight:.3f}", str(i.occurrences), one_line(i.text)) for i in report.faded),
        )
        write("")
    verb = "would be forgotten" if plan else "forgotten"
    write(f"{counted(len(report.faded), 'issue')} {verb}, {report.kept:,} kept")
