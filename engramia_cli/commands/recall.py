"""``engramia recall``: what is worth reusing."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.options import Command, Skills, new_app
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import one_line, printable, score, style, width
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Classification, Source, check_score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.memory.recall_report import Match, RecallReport, Rejected

app = new_app()

_INDENT = " " * 6


@app.command(cls=Command)
def recall(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What is to be done.")],
    limit: Annotated[int, typer.Option(metavar="1..1000", help="At most so many.")] = 5,
    min_score: Annotated[
        float | None, typer.Option(metavar="0..10", help="Of at least this quality.")
    ] = None,
    skill: Skills = None,
    classification: Annotated[
        Classification | None,
        typer.Option(metavar="LEVEL", help="Only this: public, internal or confidential."),
    ] = None,
    source: Annotated[
        Source | None, typer.Option(metavar="NAME", help="Only from api, sdk, cli or import.")
    ] = None,
    recency_weight: Annotated[
        float, typer.Option(metavar="0..1", help="How much age counts; 0 is not at all.")
    ] = 0.0,
    half_life_days: Annotated[
        float, typer.Option(metavar="N", help="The age at which recency is one half.")
    ] = 30.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every factor, and what was rejected and why.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Show what is below the floor of relevance too.")
    ] = False,
) -> None:
    """Find what is worth reusing for a task.

    engramia recall "Read numbers out of a spreadsheet dump"
    engramia recall "Call a flaky API" --min-score 7 --explain

    Asking changes nothing, and nothing is shown when nothing relevant is known. The code of the best match is shown
    whole; engramia patterns show KEY shows another.
    """
    from engramia_core.memory.ranking import Ranking
    from engramia_core.memory.recall_report import Question

    if min_score is not None:
        check_score(min_score)
    question = Question(
        task,
        limit=limit,
        filters=Filters(min_score, tuple(skill or ()), classification, source),
        ranking=Ranking(recency_weight, half_life_days),
        include_irrelevant=all_,
        explain=explain,
    )
    report = ctx.obj.memory.recall(question)
    if report.note:
        note(f"note: {report.note}")
    if json_or(ctx, report):
        return
    if not report.matches:
        write(_nothing(report, filtered=bool(question.filters)))
    for number, match in enumerate(report.matches):
        write(("\n" if number else "") + "\n".join(_lines(match, report, explain=explain)))
        if number == 0:
            write(f"\n{textwrap.indent(printable(match.pattern.code).rstrip(), _INDENT)}")
    if report.rejected:
        write(f"\n{style('rejected, by similarity', '1')}")
        write("\n".join(line for rejected in report.rejected for line in _rejected(rejected)))


def _nothing(report: RecallReport, *, filtered: bool) -> str:
    under = " under these filters" if filtered else ""
    below = f" (the floor is {report.floor:.2f}; --all shows what is below it)"
    return f"nothing relevant is known{under}{below if report.floor else ''}"


def _lines(match: Match, report: RecallReport, *, explain: bool) -> Iterator[str]:
    pattern = match.pattern
    head = f"{match.effective_score:.2f}  {match.tier:<9}  "
    yield style(f"{head}{one_line(pattern.task, max(width() - len(head), 40))}", "1")
    facts = (
        f"quality {score(pattern.quality)} · similarity {match.similarity:.2f}"
        f" · reused {pattern.reuse_count}"
    )
    yield f"{_INDENT}{pattern.key}  {style(facts, '2')}"
    if explain:
        yield (
            f"{_INDENT}{match.effective_score:.4f} = similarity {match.similarity:.4f}"
            f" × quality {match.quality_factor:.4f}"
            f" × recency {match.recency:.4f}^{report.recency_weight:g}"
        )
        yield from (f"{_INDENT}preferred over {key}" for key in match.near_duplicates)


def _rejected(rejected: Rejected) -> Iterator[str]:
    head = f"{rejected.similarity:.2f}  {rejected.key}  "
    yield f"{head}{one_line(rejected.task, max(width() - len(head), 20))}"
    yield f"{_INDENT}{style(printable(rejected.rule), '2')}"
