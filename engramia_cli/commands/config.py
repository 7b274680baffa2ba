"""``engramia config``: every setting and where it came from."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, table

app = new_app(group=True)


@app.callback()
def config() -> None:
    """Show every setting and where it came from."""


@app.command(cls=Command)
def show(ctx: typer.Context) -> None:
    """Show every setting, its value, and where that came from; secrets are hidden.

    engramia config show
    """
    values = ctx.obj.settings.all()
    report = [
        {
            "name": v.setting.name,
            "value": v.shown,
            "origin": v.origin,
            "variable": v.setting.variable,
        }
        for v in values
    ]
    if not json_or(ctx, report):
        table(
            ("setting", "value", "from", "variable"),
            ((v.setting.name, v.shown or "-", v.origin, v.setting.variable) for v in values),
        )
