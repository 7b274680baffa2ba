"""``engramia init``: make a memory."""

from __future__ import annotations

import typer

from engramia_cli.migrating import bring_up_if_behind
from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, write
from engramia_cli.reports import MemoryMade
from engramia_cli.terminal import printable

app = new_app()


@app.command(cls=Command)
def init(ctx: typer.Context) -> None:
    """Make a memory, or bring an old one to this version's schema.

    engramia init
    engramia init --path ./memory --storage json

    With ENGRAMIA_DATABASE_URL set, and no --path, the memory is made in that PostgreSQL database. An old memory is
    brought up as by: engramia migrate up
    """
    was_there = ctx.obj.has_memory()
    if was_there:
        bring_up_if_behind(ctx)
    ctx.obj.make_memory()
    store = ctx.obj.memory.store
    report = MemoryMade(
        path=store.place,
        storage=store.storage,
        schema=store.schema_revision(),
        created=not was_there,
    )
    if not json_or(ctx, report):
        done = "is ready" if was_there else "was made"
        write(
            f"the {report.storage} memory in {printable(report.path)} {done}"
            f" (schema {report.schema})"
        )
