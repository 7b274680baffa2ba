"""``engramia reuse``: a pattern was used."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, Key, new_app
from engramia_cli.output import json_or, write

app = new_app()


@app.command(cls=Command)
def reuse(ctx: typer.Context, key: Key) -> None:
    """Say that a pattern was used: 0.1 more survival, one more on its counter.

    engramia reuse 01jdq3v8k2m5n7p9r1s3t5v7w9
    """
    reused = ctx.obj.memory.reuse(key)
    if not json_or(ctx, reused):
        write(f"{key}: survival {reused.survival:.2f}, reused {reused.reuse_count} times")
