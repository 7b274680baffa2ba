"""``engramia status``: what the memory holds."""

from __future__ import annotations

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or
from engramia_cli.reports import Status
from engramia_cli.terminal import counted, facts, printable

app = new_app()


@app.command(cls=Command)
def status(ctx: typer.Context) -> None:
    """Show what the memory holds.

    engramia status --output json

    Also where it lies, by which model it is searched, and when aging last changed it.
    """
    memory = ctx.obj.memory
    counts = memory.metrics()
    model = memory.store.model(memory.scope)
    last = next(iter(memory.aging_runs()), None)
    report = Status(
        path=memory.store.place,
        storage=memory.store.storage,
        schema=memory.store.schema_revision(),
        scope=memory.scope,
        model=model,
        counts=counts,
        last_aging=last,
    )
    if json_or(ctx, report):
        return
    rows = [
        (
            "memory",
            f"{printable(report.path)} ({report.storage}, schema {report.schema})",
        ),
        ("scope", str(memory.scope)),
        ("patterns", f"{counts.live:,} live, {counts.trashed:,} in the trash"),
        ("observations", f"{counts.observations:,}"),
        ("issues", f"{counts.clusters:,}"),
        ("model", f"{model.model_id} ({model.dimensions} dimensions)" if model else "none yet"),
        ("vectors", f"{counts.embedded:,} of {counts.live:,}"),
        (
            "last aging",
            f"{last.at:%Y-%m-%d %H:%M} UTC, {last.pruned:,} pruned, {last.purged:,} purged"
            if last
            else "never changed anything",
        ),
    ]
    if counts.broken:
        command = ctx.obj.typed("engramia doctor")
        rows.append(("to do", f"{counted(counts.broken, 'broken file')} skipped: {command}"))
    missing = counts.live - counts.embedded
    if missing:
        command = ctx.obj.typed("engramia reindex")
        rows.append(
            (
                "to do",
                f"{counted(missing, 'pattern')} without a vector, which recall by vector misses: {command}",
            )
        )
    facts(rows)
