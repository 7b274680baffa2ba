"""``engramia export`` and ``engramia import``: the memory as a stream."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engramia_cli.files import rewindable
from engramia_cli.operation import Operation, operation
from engramia_cli.options import ChangingCommand, Command, Plan, new_app
from engramia_cli.output import json_or, note, write, write_bytes
from engramia_cli.progress import after_bulk, progress
from engramia_cli.reports import ExportedFile
from engramia_cli.terminal import facts

if TYPE_CHECKING:
    from engramia_core.library import Memory

export = new_app()
import_ = new_app()

_COUNTED = {
    "added": "added",
    "unchanged": "unchanged",
    "overwritten": "overwritten",
    "skipped": "skipped",
    "rekeyed": "under a new key",
    "vectors_reused": "vectors taken over",
    "vectors_embedded": "vectors embedded",
    "without_vector": "without a vector",
    "issues": "issues",
}


@export.command("export", cls=Command)
def export_command(
    ctx: typer.Context,
    file: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout.")] = "-",
    with_vectors: Annotated[
        bool, typer.Option("--with-vectors", help="Vectors too, so that an import need not embed.")
    ] = False,
) -> None:
    """Write the memory as NDJSON.

    engramia export --file memory.ndjson --with-vectors
    engramia export | engramia --path other import -

    A header, a line a pattern, and a footer with a checksum. Two exports of one state are equal to the byte.
    """
    from engramia_core.files import write_atomically

    with closing(ctx.obj.memory.export(with_vectors=with_vectors)) as lines:
        if file == "-":
            for line in lines:
                write_bytes(line)
            return
        with progress("exporting") as counter:
            write_atomically(Path(file), counter.counted(lines))
    size_bytes = Path(file).stat().st_size
    if not json_or(ctx, ExportedFile(file, size_bytes)):
        write(f"wrote {file} ({size_bytes:,} bytes)")


@import_.command("import", cls=ChangingCommand)
def import_command(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An export; - is stdin.")],
    on_conflict: Annotated[
        Literal["skip", "overwrite", "new-key", "fail"],
        typer.Option(
            metavar="WHAT",
            help="With a key that is stored with other content: skip, overwrite, new-key or fail.",
        ),
    ] = "skip",
    plan: Plan = False,
) -> None:
    """Bring an export in.

    engramia import memory.ndjson --plan
    engramia import memory.ndjson --on-conflict overwrite

    The same one twice changes nothing. A file that was cut off or altered is refused before anything is written. Vectors
    are taken over when the model is the same.
    """
    from engramia_core.memory.transfer import OnConflict

    memory: Memory = ctx.obj.memory
    with (
        nullcontext(Operation()) if plan else operation(ctx.obj, "import", memory.scope) as running,
        rewindable(file) as source,
        progress("importing") as counter,
    ):
        report = memory.import_data(
            source, on_conflict=OnConflict(on_conflict), plan=plan, progress=counter.advance
        )
        running.result = f"{report.added:,} added, {report.overwritten:,} overwritten"
    if not plan:
        after_bulk(memory)
    if json_or(ctx, report):
        return
    write("the import would do this:" if plan else "imported:")
    counts = [(name, getattr(report, field)) for field, name in _COUNTED.items()]
    facts([(f"  {name}", f"{count:,}") for name, count in counts if count] or [("  nothing", "")])
    if report.without_vector and not plan:
        command = ctx.obj.typed("engramia reindex")
        note(f"note: recall by vector misses patterns without one, until: {command}")
