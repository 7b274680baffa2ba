"""``engramia refine``: how good a pattern turned out."""

from __future__ import annotations

from typing import Annotated

import typer

from engramia_cli.options import ChangingCommand, Key, new_app
from engramia_cli.output import json_or, write
from engramia_cli.terminal import counted, score

app = new_app()


@app.command(cls=ChangingCommand)
def refine(
    ctx: typer.Context,
    key: Key,
    score_: Annotated[float, typer.Option("--score", metavar="0..10", help="How good it was.")],
    feedback: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What was wrong or right with it.")
    ] = None,
) -> None:
    """Say how good a pattern turned out; it moves the ranking.

    engramia refine 06h0jhcrop9o173958r0d0lmtg --score 4 --feedback "fails on empty files"

    All that was ever observed of a pattern decides its quality. What --feedback says twice is an issue: engramia feedback
    """
    refined = ctx.obj.memory.refine(key, score_, feedback)
    if not json_or(ctx, refined):
        write(
            f"{key}: quality {score(refined.quality_before)} -> {score(refined.quality)}"
            f" after {counted(refined.observations, 'observation')}"
        )
