"""``engramia db``: the database under the memory."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.operation import operation
from engramia_cli.options import ChangingCommand, Command, Plan, new_app
from engramia_cli.output import json_or, write
from engramia_cli.terminal import printable, style, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_cli.context import CliContext
    from engramia_core.maintenance.indexing import IndexReport
    from engramia_core.maintenance.vacuum import VacuumReport
    from engramia_core.stores.postgres_build import Progress

app = new_app(group=True)

Model = Annotated[
    str | None, typer.Option(metavar="MODEL", help="For this model only.  [all in use]")
]
Memory = Annotated[
    int,
    typer.Option(
        "--memory", metavar="MB", min=64, help="Memory that a build may take at most, in megabytes."
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=0, max=64, help="Processes of the server that help to build."
    ),
]
_CLEAR_LINE = "\r\x1b[K"


@app.callback()
def db() -> None:
    """Inspect the database, build its indexes, give back its space.

    engramia db inspect
    engramia db index --plan
    """


@app.command("index", cls=ChangingCommand)
def index_command(
    ctx: typer.Context,
    model: Model = None,
    memory: Memory = 2_000,
    workers: Workers = 2,
    plan: Plan = False,
) -> None:
    """Build the vector indexes that are missing on PostgreSQL.

    engramia db index --plan
    engramia db index --model all-MiniLM-L6-v2-int8

    A model needs one as soon as a scope has more than 3,000 patterns; with --model it is built before too. Learning and
    recalling go on meanwhile. Interrupted, the same command begins that index anew. It needs ENGRAMIA_DATABASE_URL with
    a login that owns the tables; SQLite has no use for it.
    """
    _show(ctx, _index(ctx, model, memory, workers, plan=plan, rebuild=False))


@app.command("reindex-index", cls=ChangingCommand)
def reindex_index_command(
    ctx: typer.Context,
    model: Model = None,
    memory: Memory = 2_000,
    workers: Workers = 2,
    plan: Plan = False,
) -> None:
    """Build the vector indexes anew, while the old ones serve.

    engramia db reindex-index --plan
    engramia db reindex-index --model all-MiniLM-L6-v2-int8

    For an index that many deletions have left too large, or that finds too little of what there is, as engramia db
    inspect shows. No pattern is embedded again: that is engramia reindex. It needs ENGRAMIA_DATABASE_URL, as db index
    does.
    """
    _show(ctx, _index(ctx, model, memory, workers, plan=plan, rebuild=True))


def _index(
    ctx: typer.Context, model: str | None, memory: int, workers: int, *, plan: bool, rebuild: bool
) -> IndexReport:
    from engramia_core.library import this_process
    from engramia_core.maintenance.indexing import plan_indexes, run_indexes
    from engramia_core.stores.postgres_build import Build

    context: CliContext = ctx.obj
    report = plan_indexes(context.database, model_id=model, rebuild=rebuild)
    if plan:
        return report
    if not report.is_needed:
        return replace(report, planned=False)
    action = "db.reindex-index" if rebuild else "db.index"
    with operation(context, action, model or "every model") as running, _line_cleared():
        report = run_indexes(
            context.database,
            report,
            owner=f"{context.actor.who}, {this_process()}",
            now=context.now(),
            settings=Build(memory, workers),
            progress=_tell,
        )
        running.result = ", ".join(each.index for each in report.indexes if each.is_needed)
    return report


def _tell(step: Progress) -> None:
    """Show on a terminal how far a build is, and who holds it up."""
    if sys.stderr.isatty():
        share = f" {100 * step.done / step.total:.0f} %" if step.total else ""
        waiting = f", waits for {step.waits_for}" if step.waits_for else ""
        sys.stderr.write(f"{_CLEAR_LINE}{step.phase}{share}{waiting}")
        sys.stderr.flush()


def _show(ctx: typer.Context, report: IndexReport) -> None:
    if json_or(ctx, report):
        return
    if not report.indexes:
        write("no scope has an embedding model yet")
        return
    verbs = {"build": ("to build", "built"), "rebuild": ("to rebuild", "rebuilt")}
    rows = []
    for step in report.indexes:
        what = "nothing to do"
        if step.action in verbs:
            what = verbs[step.action][not report.planned]
            took = f" in {step.seconds:,.1f} s" if step.seconds is not None else ""
            what += f"{took}, about {step.memory_mb:,} MB"
        rows.append((printable(step.model_id), f"{step.vectors:,}", step.state, step.index, what))
    table(("model", "vectors", "was" if not report.planned else "is", "index", "done"), rows)


@app.command("inspect", cls=Command)
def inspect_command(
    ctx: typer.Context,
    sample: Annotated[
        int,
        typer.Option(
            min=0,
            max=1_000,
            metavar="N",
            help="Measure the index by searching for so many stored vectors; 0 for none.",
        ),
    ] = 20,
) -> None:
    """Show what is slow, in the way, or wrong in the database.

    engramia db inspect
    engramia db inspect --sample 100 --output json

    On PostgreSQL (ENGRAMIA_DATABASE_URL): what the indexes find of what there is, the space of deleted rows, sessions
    and locks, slow statements, settings, replicas. On SQLite: free space, the log of writes, whether the file is whole.
    The exit code is 7 when something is wrong.
    """
    from engramia_core.maintenance.inspection import inspect

    found = inspect(ctx.obj.database, sample=sample, server=ctx.obj.server)
    if not json_or(ctx, found):
        write(printable(found.place))
        for section in found.sections:
            write(f"\n{style(section.title, '1')}")
            for fact in section.facts:
                mark = style("FAIL ", "31") if fact.is_problem else ""
                write(f"  {printable(fact.name)}  {mark}{printable(fact.text)}")
                if fact.remedy:
                    write(f"      {printable(ctx.obj.typed(fact.remedy))}")
    if found.problems:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command("vacuum", cls=ChangingCommand)
def vacuum_command(
    ctx: typer.Context,
    table_name: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="This table only.  [all]")
    ] = None,
    plan: Plan = False,
) -> None:
    """Give back the space that deleted rows took.

    engramia db vacuum --plan
    engramia db vacuum --table engramia_data

    On PostgreSQL nobody waits; the server does the same by itself, later. SQLite writes its file anew, as large again
    for that time, and whoever writes waits.
    """
    from engramia_core.maintenance.vacuum import plan_vacuum, run_vacuum

    context: CliContext = ctx.obj
    report = plan_vacuum(context.database, table=table_name)
    if not plan:
        what = table_name or "every table"
        with operation(context, "db.vacuum", what, lock="vacuum") as running, _line_cleared():
            report = run_vacuum(context.database, report, progress=_tell)
            running.result = _sizes(report)
    if json_or(ctx, report):
        return
    for step in report.steps:
        took = "" if step.seconds is None else f" ({step.seconds:,.2f} s)"
        write(f"{step.statement}{took}: {step.why}")
    write(_sizes(report))


def _sizes(report: VacuumReport) -> str:
    before = f"{report.bytes_before / 1e6:,.1f} MB"
    if report.bytes_after is None:
        return before
    return f"{before} before, {report.bytes_after / 1e6:,.1f} MB after"


@contextmanager
def _line_cleared() -> Iterator[None]:
    try:
        yield
    finally:
        if sys.stderr.isatty():
            sys.stderr.write(_CLEAR_LINE)
