"""``engramia config``: every setting and where it came from."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or
from engramia_cli.reports import ShownSetting
from engramia_cli.terminal import printable, table

app = new_app(group=True)


@app.callback()
def config() -> None:
    """Show every setting and where it came from.

    engramia config show
    """


@app.command(cls=Command)
def show(ctx: typer.Context) -> None:
    """Show every setting, its value, and where that came from; secrets are hidden.

    engramia config show

    A flag comes before the environment, that before engramia.toml (ENGRAMIA_CONFIG names another file), that before the
    default.
    """
    values = ctx.obj.settings.all()
    report = [ShownSetting(v.setting.name, v.shown, v.origin, v.setting.variable) for v in values]
    if not json_or(ctx, report):
        table(
            ("setting", "variable", "from", "value"),
            ((s.name, s.variable, s.origin, printable(s.value) or "-") for s in report),
        )
