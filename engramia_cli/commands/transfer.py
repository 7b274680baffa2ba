"""``engramia export`` and ``engramia import``: the memory as a stream."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from engramia_cli.options import Command, Plan, new_app
from engramia_cli.output import json_or, note, table, write
from engramia_cli.progress import progress_bar
from engramia_core.errors import InvalidInput, Unavailable
from engramia_core.files import write_atomically
from engramia_core.memory.transfer import OnConflict

if TYPE_CHECKING:
    from collections.abc import Iterator

export = new_app()
import_ = new_app()


@export.command("export", cls=Command)
def export_command(
    ctx: typer.Context,
    file: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout.")] = "-",
    with_vectors: Annotated[
        bool, typer.Option("--with-vectors", help="Vectors too, so that an import need not embed.")
    ] = False,
) -> None:
    """Write the memory as NDJSON: a header, a line a pattern, a footer with a checksum.

    engramia export --file memory.ndjson --with-vectors
    engramia export | engramia --path other import -
    """
    lines = ctx.obj.memory.export(with_vectors=with_vectors)
    if file == "-":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    with progress_bar("exporting") as bar:
        write_atomically(Path(file), bar.counted(lines))
    note(f"wrote {file}")


@import_.command("import", cls=Command)
def import_command(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An export; - is stdin.")],
    on_conflict: Annotated[
        OnConflict, typer.Option(help="What to do with a key that is stored with other content.")
    ] = OnConflict.SKIP,
    plan: Plan = False,
) -> None:
    """Bring an export in; the same one twice changes nothing.

    engramia import memory.ndjson --plan
    engramia import memory.ndjson --on-conflict overwrite

    A file that was cut off or altered is refused before anything is written. Vectors are taken over when the model is the
    same.
    """
    memory = ctx.obj.memory
    with _rewindable(file) as source, progress_bar("importing") as bar:
        report = memory.import_data(
            source, on_conflict=on_conflict, plan=plan, progress=bar.advance
        )
    if json_or(ctx, report):
        return
    rows = (
        ("added", report.added),
        ("unchanged", report.unchanged),
        ("overwritten", report.overwritten),
        ("skipped", report.skipped),
        ("under a new key", report.rekeyed),
        ("vectors taken over", report.vectors_reused),
        ("vectors embedded", report.vectors_embedded),
        ("without a vector", report.without_vector),
        ("issues", report.issues),
    )
    write("the import would do this:" if plan else "imported:")
    table(("what", "how many"), ((name, f"{count:,}") for name, count in rows if count))
    if report.without_vector and not plan:
        note("note: patterns without a vector are found by words only, until: engramia reindex")


@contextmanager
def _rewindable(name: str) -> Iterator[BinaryIO]:
    """A file that can be read twice; stdin is copied to a temporary one first."""
    if name != "-":
        try:
            file = Path(name).open("rb")  # noqa: SIM115 -- closed below; only opening may fail like this
        except OSError as error:
            raise InvalidInput(f"{name!r} cannot be read: {error.strerror}") from error
        with file:
            yield file
        return
    with tempfile.TemporaryFile() as spool:
        try:
            shutil.copyfileobj(sys.stdin.buffer, spool)
        except OSError as error:
            raise Unavailable(f"stdin could not be kept: {error.strerror}") from error
        spool.seek(0)
        yield spool
