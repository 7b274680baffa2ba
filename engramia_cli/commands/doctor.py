"""``engramia doctor``: look for what is wrong."""

from __future__ import annotations

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, style, write
from engramia_core import installation
from engramia_core.maintenance.checks import examine

app = new_app()

_MARKS = {"ok": ("ok", "32"), "warning": ("warn", "33"), "problem": ("FAIL", "31")}


@app.command(cls=Command)
def doctor(ctx: typer.Context) -> None:
    """Look for what is wrong with the installation and the memory, and say how to mend it.

    engramia doctor

    The exit code is 7 when there is a problem.
    """
    findings = examine(installation.subject(ctx.obj.settings))
    if not json_or(ctx, findings):
        for finding in findings:
            mark, color = _MARKS[finding.severity]
            write(f"{style(f'{mark:<4}', color)}  {finding.check:<12}  {finding.text}")
            if finding.remedy:
                write(f"                    {style(finding.remedy, '2')}")
    if any(finding.severity == "problem" for finding in findings):
        raise typer.Exit(PROBLEMS_FOUND)
