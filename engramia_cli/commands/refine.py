"""``engramia refine``: how good a pattern turned out."""

from __future__ import annotations

from typing import Annotated

import typer

from engramia_cli.options import Command, Key, new_app
from engramia_cli.output import json_or, score, write

app = new_app()


@app.command(cls=Command)
def refine(
    ctx: typer.Context,
    key: Key,
    score_: Annotated[float, typer.Option("--score", metavar="0..10", help="How good it was.")],
    feedback: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What was wrong or right with it.")
    ] = None,
) -> None:
    """Say how good a pattern turned out; all that was ever observed of it decides its quality.

    engramia refine 01jdq3v8k2m5n7p9r1s3t5v7w9 --score 4 --feedback "fails on empty files"
    """
    refined = ctx.obj.memory.refine(key, score_, feedback)
    if not json_or(ctx, refined):
        write(
            f"{key}: quality {score(refined.quality_before)} -> {score(refined.quality)}"
            f" after {refined.observations} observation{'s' * (refined.observations != 1)}"
        )
