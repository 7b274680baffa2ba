"""``engramia init``: make a memory."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, write
from engramia_core import installation
from engramia_core.memory.pattern import Source
from engramia_core.stores import storage_in

app = new_app()


@app.command(cls=Command)
def init(ctx: typer.Context) -> None:
    """Make a memory, or bring the one that is there to this version's schema.

    engramia init
    engramia init --path ./memory --storage json
    """
    settings = ctx.obj.settings
    place = installation.directory(settings)
    was_there = storage_in(place) is not None
    memory = installation.open_memory(settings, create=True, source=Source.CLI)
    revision = memory.store.schema_revision()
    memory.close()
    report = {
        "path": str(place.resolve()),
        "storage": storage_in(place),
        "schema": revision,
        "created": not was_there,
    }
    if not json_or(ctx, report):
        done = "is ready" if was_there else "was made"
        write(f"the {report['storage']} memory in {report['path']} {done} (schema {revision})")
