"""``engramia recall``: what is worth reusing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.options import Command, new_app
from engramia_cli.output import json_or, note, printable, score, short, style, write
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Classification, Source
from engramia_core.memory.ranking import Ranking
from engramia_core.memory.recall import MAX_LIMIT, Match, Question, RecallReport

if TYPE_CHECKING:
    from collections.abc import Iterator

app = new_app()


@app.command(cls=Command)
def recall(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What is to be done.")],
    limit: Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="At most so many.")] = 5,
    min_score: Annotated[
        float | None, typer.Option(metavar="0..10", help="Of at least this quality.")
    ] = None,
    skill: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With this skill; may be repeated.")
    ] = None,
    classification: Annotated[
        Classification | None, typer.Option(help="Of this classification only.")
    ] = None,
    source: Annotated[Source | None, typer.Option(help="From this source only.")] = None,
    recency_weight: Annotated[
        float, typer.Option(metavar="0..1", help="How much age counts.")
    ] = 0.0,
    half_life_days: Annotated[
        float, typer.Option(metavar="DAYS", help="After how long recency is one half.")
    ] = 30.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every factor, and what was rejected and why.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Show what is below the floor of relevance too.")
    ] = False,
) -> None:
    """Find what is worth reusing for a task; asking changes nothing.

    engramia recall "Read numbers out of a spreadsheet dump"
    engramia recall "Call a flaky API" --min-score 7 --explain

    Nothing is shown when nothing relevant is known. The code of the best match is shown whole; engramia patterns show KEY
    shows another.
    """
    question = Question(
        task,
        limit=limit,
        filters=Filters(min_score, tuple(skill or ()), classification, source),
        ranking=Ranking(recency_weight, half_life_days),
        include_irrelevant=all_,
        explain=explain,
    )
    report = ctx.obj.memory.recall(question)
    if json_or(ctx, report):
        return
    if report.note:
        note(f"note: {report.note}")
    write("\n".join(_lines(report, explain=explain)))


def _lines(report: RecallReport, *, explain: bool) -> Iterator[str]:
    if not report.matches:
        yield f"nothing relevant is known (the floor is {report.floor:.2f}; --all shows what is below it)"
    for number, match in enumerate(report.matches, 1):
        if number > 1:
            yield ""
        yield from _match_lines(number, match, report.recency_weight, explain=explain)
    if explain and report.rejected:
        yield ""
        yield style("rejected", "1")
        for rejected in report.rejected:
            yield f"  {rejected.similarity:.3f}  {rejected.key}  {short(rejected.task, 44)}"
            yield f"         {style(rejected.rule, '2')}"


def _match_lines(number: int, match: Match, weight: float, *, explain: bool) -> Iterator[str]:
    pattern = match.pattern
    yield f"{style(f'{match.effective_score:.2f}', '1')}  {match.tier:<9}  {style(short(pattern.task, 100), '1')}"
    facts = f"quality {score(pattern.quality)} · similarity {match.similarity:.2f} · reused {pattern.reuse_count}"
    yield f"      {pattern.key}  {style(facts, '2')}"
    if explain:
        yield (
            f"      {match.effective_score:.4f} = similarity {match.similarity:.4f}"
            f" × quality {match.quality_factor:.4f} × recency {match.recency:.4f}^{weight:g}"
        )
        yield from (f"      preferred over {key}" for key in match.near_duplicates)
    if number == 1:
        yield ""
        yield from (f"      {line}" for line in printable(pattern.code).rstrip().splitlines())
