"""``engramia learn``: remember what worked."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.progress import progress_bar
from engramia_core import installation
from engramia_core.errors import Incomplete, InvalidInput
from engramia_core.memory.aging import FORGET_BELOW
from engramia_core.memory.batch import BatchReport, learn_stream
from engramia_core.memory.duplicates import OnDuplicate, Outcome
from engramia_core.memory.pattern import Classification, Draft, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_cli.context import CliContext
    from engramia_core.library import Memory
    from engramia_core.memory.learn import Learned

app = new_app()

_MAX_FILE_BYTES = 4_000_000
_SENTENCES = {
    Outcome.LEARNED: "learned {key}",
    Outcome.REPLACED: "learned {key}; it replaces {rivals}",
    Outcome.OBSERVED: "known already as {key} with the same code; its score was counted",
    Outcome.KEPT_EXISTING: "kept {key}, which is at least as good; yours was not stored",
    Outcome.SKIPPED: "skipped: {key} has nearly the same task",
}


@app.command(cls=Command)
def learn(
    ctx: typer.Context,
    task: Annotated[str | None, typer.Argument(metavar="TASK", help="What was to be done.")] = None,
    code: Annotated[
        str | None, typer.Option(metavar="FILE", help="The code that did it; - is stdin.")
    ] = None,
    score: Annotated[
        float | None, typer.Option(metavar="0..10", help="How well it worked.")
    ] = None,
    output_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="What the code printed.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(metavar="ID", help="The run it came from.")] = None,
    skill: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A skill it shows; may be repeated.")
    ] = None,
    classification: Annotated[
        Classification, typer.Option(help="Who may see it.")
    ] = Classification.INTERNAL,
    on_duplicate: Annotated[
        OnDuplicate, typer.Option(help="What to do when nearly the same task is known.")
    ] = OnDuplicate.REPLACE_WITH_BETTER,
    batch: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Learn a pattern a line of NDJSON instead; - is stdin."),
    ] = None,
) -> None:
    """Remember a task, the code that did it, and how well it worked.

    engramia learn "Parse a CSV export" --code parse.py --score 9 --skill csv
    engramia learn --batch patterns.ndjson

    A line of a batch is {"task", "code", "score"?, "output"?, "run_id"?, "skills"?, "classification"?}. A bad line is
    named by its number, the others go in, and the exit code is 6.
    """
    memory = _memory(ctx.obj)
    if batch is not None:
        _learn_batch(ctx, memory, batch, on_duplicate)
        return
    if task is None or code is None or score is None:
        raise InvalidInput(
            "learn needs TASK, --code and --score, or --batch",
            hint='engramia learn "Parse a CSV export" --code parse.py --score 9',
        )
    draft = Draft(
        task=task,
        code=_read_text(code),
        score=score,
        output=None if output_file is None else _read_text(output_file),
        run_id=run_id,
        source=Source.CLI,
        classification=classification,
        skills=tuple(skill or ()),
    )
    (learned,) = memory.learn_many([draft], on_duplicate=on_duplicate)
    if not json_or(ctx, learned):
        write(_sentence(learned))
    if learned.outcome in {Outcome.LEARNED, Outcome.REPLACED} and score < FORGET_BELOW:
        note(f"note: a score below {FORGET_BELOW:g} is forgotten by the next run of aging")


def _memory(context: CliContext) -> Memory:
    """The memory; on the default path one is made if there is none, and that is said."""
    settings = context.settings
    is_default = settings.value("path").origin == "default"
    place = installation.directory(settings)
    if context.given_memory is None and is_default and not place.exists():
        installation.open_memory(settings, create=True).close()
        note(f"note: made a new memory in {place}")
    return context.memory


def _learn_batch(ctx: typer.Context, memory: Memory, name: str, on_duplicate: OnDuplicate) -> None:
    with _opened(name) as file, progress_bar("learning") as bar:
        report = learn_stream(
            file,
            lambda drafts: memory.learn_many(drafts, on_duplicate=on_duplicate),
            source=Source.CLI,
            progress=lambda so_far: bar.at(so_far.outcomes.total()),
        )
    if not json_or(ctx, report):
        write(_summary(report))
    for bad in report.bad_lines:
        note(f"line {bad.number}: {bad.reason}")
    if report.bad_lines:
        raise Incomplete(
            f"{len(report.bad_lines)} of {len(report.bad_lines) + report.outcomes.total()} lines were not learned",
            hint="mend the lines named above and learn the same file again; what is known stays as it is",
        )


def _sentence(learned: Learned) -> str:
    return _SENTENCES[learned.outcome].format(key=learned.key, rivals=", ".join(learned.rivals))


def _summary(report: BatchReport) -> str:
    counted = [f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items())]
    return ", ".join(counted) or "nothing to learn"


def _read_text(name: str) -> str:
    with _opened(name) as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise InvalidInput(f"{name!r} has more than {_MAX_FILE_BYTES:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name!r} is not UTF-8: byte {error.start} is wrong") from error


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file to read; ``-`` is stdin."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 -- closed below; only opening may fail like this
    except OSError as error:
        raise InvalidInput(f"{name!r} cannot be read: {error.strerror}") from error
    with file:
        yield file
