"""``engramia reuse``: a pattern was used."""

from __future__ import annotations

import typer

from engramia_cli.options import ChangingCommand, Key, new_app
from engramia_cli.output import json_or, write
from engramia_cli.terminal import counted

app = new_app()


@app.command(cls=ChangingCommand)
def reuse(ctx: typer.Context, key: Key) -> None:
    """Say that a pattern was used; it survives longer.

    engramia reuse 06h0jhcrop9o173958r0d0lmtg

    Its survival grows by 0.1, its counter by one.
    """
    reused = ctx.obj.memory.reuse(key)
    if not json_or(ctx, reused):
        times = counted(reused.reuse_count, "time")
        write(f"{key}: survival {reused.survival:.2f}, reused {times}")
