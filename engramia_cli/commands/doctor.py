"""``engramia doctor``: look for what is wrong."""

from __future__ import annotations

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, write
from engramia_cli.terminal import printable, style

app = new_app()

_MARKS = {"ok": ("ok", "32"), "warning": ("warn", "33"), "problem": ("FAIL", "31")}


@app.command(cls=Command)
def doctor(ctx: typer.Context) -> None:
    """Look for what is wrong, and say how to mend it.

    engramia doctor
    engramia doctor --path ./memory

    Nothing is changed. The exit code is 7 when there is a problem; a warning alone is 0.
    """
    from engramia_core.maintenance.checks import examine

    subject = ctx.obj.subject()
    try:
        findings = examine(subject)
    finally:
        if subject.store:
            subject.store.close()
    if not json_or(ctx, findings):
        for finding in findings:
            mark, color = _MARKS[finding.severity]
            write(f"{style(f'{mark:<4}', color)}  {finding.check:<9}{printable(finding.text)}")
            if finding.remedy:
                write(f"{'':15}{printable(ctx.obj.typed(finding.remedy))}")
    if any(finding.severity == "problem" for finding in findings):
        raise typer.Exit(PROBLEMS_FOUND)
