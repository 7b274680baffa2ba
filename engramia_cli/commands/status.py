"""``engramia status``: what the memory holds."""

from __future__ import annotations

from dataclasses import asdict

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, table
from engramia_core import installation
from engramia_core.stores import storage_in

app = new_app()


@app.command(cls=Command)
def status(ctx: typer.Context) -> None:
    """Show what the memory holds, where, and by which model it is searched.

    engramia status --output json
    """
    memory = ctx.obj.memory
    place = installation.directory(ctx.obj.settings)
    counts = memory.metrics()
    model = memory.store.model(memory.scope)
    runs = memory.aging_runs()
    report = {
        "path": str(place.resolve()),
        "storage": storage_in(place),
        "schema": memory.store.schema_revision(),
        "scope": asdict(memory.scope),
        "model": model,
        "counts": counts,
        "last_aging": runs[0] if runs else None,
    }
    if json_or(ctx, report):
        return
    searched = f"{model.model_id} ({model.dimensions} dimensions)" if model else "none yet"
    rows = [
        ("memory", f"{report['path']} ({report['storage']}, schema {report['schema']})"),
        ("scope", str(memory.scope)),
        ("patterns", f"{counts.live:,} live, {counts.trashed:,} in the trash"),
        ("observations", f"{counts.observations:,}"),
        ("issues", f"{counts.clusters:,}"),
        ("model", searched),
        ("vectors", f"{counts.embedded:,} of {counts.live:,}"),
        (
            "last aging",
            f"{runs[0].at:%Y-%m-%d %H:%M} UTC, {runs[0].pruned:,} pruned"
            if runs
            else "never changed anything",
        ),
    ]
    if counts.embedded < counts.live:
        missing = counts.live - counts.embedded
        rows.append(("to do", f"{missing:,} patterns are found by words only: engramia reindex"))
    table(("what", "value"), rows)
