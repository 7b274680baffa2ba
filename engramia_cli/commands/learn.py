"""``engramia learn``: remember what worked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.files import opened, read_text
from engramia_cli.options import ChangingCommand, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.progress import after_bulk, progress
from engramia_cli.terminal import counted
from engramia_core.errors import EngramiaError, Incomplete, InvalidInput
from engramia_core.memory.aging import FORGET_BELOW
from engramia_core.memory.duplicates import OnDuplicate, Outcome
from engramia_core.memory.pattern import Classification, Draft, Source, check_draft

if TYPE_CHECKING:
    from engramia_cli.context import CliContext
    from engramia_core.library import Memory
    from engramia_core.memory.batch import BatchReport
    from engramia_core.memory.learn import Learned

app = new_app()

_SENTENCES = {
    Outcome.LEARNED: "learned {key}",
    Outcome.REPLACED: "learned {key}; it replaces {rivals}",
    Outcome.OBSERVED: "known already as {key} with the same code; its score was counted",
    Outcome.KEPT_EXISTING: "kept {key}, which is at least as good; yours was not stored",
    Outcome.SKIPPED: "skipped: {key} has nearly the same task",
}


@app.command(cls=ChangingCommand)
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
        str | None, typer.Option(metavar="FILE", help="What the code printed; - is stdin.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(metavar="ID", help="The run it came from.")] = None,
    skill: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A skill it shows; may be repeated.")
    ] = None,
    classification: Annotated[
        Classification,
        typer.Option(metavar="LEVEL", help="Who may see it: public, internal or confidential."),
    ] = Classification.INTERNAL,
    on_duplicate: Annotated[
        OnDuplicate,
        typer.Option(
            metavar="WHAT",
            help="When nearly the same task is known: replace-with-better, keep-both or skip.",
        ),
    ] = OnDuplicate.REPLACE_WITH_BETTER,
    batch: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Learn a pattern a line of NDJSON instead; - is stdin."),
    ] = None,
) -> None:
    """Remember what worked: a task, its code, its score.

    engramia learn "Parse a CSV export" --code parse.py --score 9 --skill csv
    engramia learn --batch patterns.ndjson

    A line of a batch is {"task", "code", "score"?, "output"?, "run_id"?, "skills"?, "classification"?}. A bad line is
    named by its number, the others go in, and the exit code is 6.
    """
    if batch is not None:
        if task is not None or code is not None or score is not None:
            raise InvalidInput(
                "--batch goes without TASK, --code and --score", hint="engramia learn --help"
            )
        _learn_batch(ctx, batch, on_duplicate)
        return
    if task is None or code is None or score is None:
        raise InvalidInput(
            "learn needs TASK, --code and --score, or --batch",
            hint='engramia learn "Parse a CSV export" --code parse.py --score 9',
        )
    if code == output_file == "-":
        raise InvalidInput("--code and --output-file cannot both be stdin", hint="name a file")
    draft = Draft(
        task=task,
        code=read_text(code),
        score=score,
        output=None if output_file is None else read_text(output_file),
        run_id=run_id,
        source=Source.CLI,
        classification=classification,
        skills=tuple(skill or ()),
    )
    check_draft(draft)
    (learned,) = _memory(ctx.obj).learn_many([draft], on_duplicate=on_duplicate)
    if not json_or(ctx, learned):
        write(_sentence(learned))
    if learned.outcome in {Outcome.LEARNED, Outcome.REPLACED} and score < FORGET_BELOW:
        note(f"note: a score below {FORGET_BELOW:g} is forgotten by the next run of aging")


def _memory(context: CliContext) -> Memory:
    """The memory; on the default path one is made if there is none, and that is said."""
    is_default = context.settings.value("path").origin == "default"
    if is_default and not context.directory.exists():
        context.make_memory()
        note(f"note: made a new memory in ./{context.directory}")
    return context.memory


def _learn_batch(ctx: typer.Context, name: str, on_duplicate: OnDuplicate) -> None:
    from engramia_core.memory.batch import learn_stream

    done = 0
    with opened(name) as file, progress("learning") as counter:
        memory = _memory(ctx.obj)

        def show(so_far: BatchReport) -> None:
            nonlocal done
            done = so_far.outcomes.total()
            counter.at(done)

        try:
            report = learn_stream(
                file,
                lambda drafts: memory.learn_many(drafts, on_duplicate=on_duplicate),
                source=Source.CLI,
                progress=show,
            )
        except (EngramiaError, KeyboardInterrupt):
            if done:
                note(f"note: what {counted(done, 'line')} held is stored and known next time")
            raise
    after_bulk(memory)
    if not json_or(ctx, report):
        write(_summary(report))
    for bad in report.bad_lines:
        note(f"line {bad.number}: {bad.reason}")
    if report.bad_lines:
        lines = counted(len(report.bad_lines) + report.outcomes.total(), "line")
        raise Incomplete(
            f"{len(report.bad_lines):,} of {lines} could not be learned",
            hint="mend the lines named above and learn the file again; what is known stays as it is",
        )


def _sentence(learned: Learned) -> str:
    return _SENTENCES[learned.outcome].format(key=learned.key, rivals=", ".join(learned.rivals))


def _summary(report: BatchReport) -> str:
    by_outcome = [f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items())]
    return ", ".join(by_outcome) or "nothing to learn"
