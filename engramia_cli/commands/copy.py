"""``engramia copy``: the whole memory into another storage."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engramia_cli.files import read_text
from engramia_cli.operation import Operation, operation
from engramia_cli.options import ChangingCommand, Plan, Yes, new_app
from engramia_cli.output import confirm, json_or, write
from engramia_cli.progress import progress
from engramia_cli.terminal import counted, facts, printable
from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_cli.context import CliContext
    from engramia_core.memory.copy import Copier
    from engramia_core.memory.copy_report import CopyReport, ScopeCopy
    from engramia_core.memory.store import PatternStore
    from engramia_core.stores.place import Place

app = new_app()


@app.command(cls=ChangingCommand)
def copy(
    ctx: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE", help="A directory, or a postgresql:// URL without a password."
        ),
    ] = None,
    to_url_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Read the URL, password and all, from a file, instead of --to."
        ),
    ] = None,
    to_storage: Annotated[
        Literal["auto", "sqlite", "json"],
        typer.Option(metavar="NAME", help="Make a new directory as: sqlite or json."),
    ] = "auto",
    all_scopes: Annotated[
        bool,
        typer.Option("--all-scopes", help="Every tenant and project, not only the chosen one."),
    ] = False,
    on_conflict: Annotated[
        Literal["fail", "skip", "overwrite"],
        typer.Option(
            metavar="WHAT",
            help="What to do when the target has another content under a key: fail, skip, overwrite.",
        ),
    ] = "fail",
    plan: Plan = False,
    yes: Yes = False,
) -> None:
    """Copy the memory into another storage, whole.

    engramia copy --to /srv/agent/files --to-storage json --plan
    engramia copy --to-url-file /run/secrets/engramia_url --all-scopes

    Copied are patterns with their observations, vectors and history, the trash, the issues and the runs of aging; not
    the keys and the audit trail. Instead of --to, ENGRAMIA_COPY_TO_URL may hold the URL, password and all. Interrupted,
    the same command goes on where it stopped. At the end both sides are read again and compared.
    """
    from engramia_core.memory.copy import Copier
    from engramia_core.memory.copy_report import CopyConflict

    context: CliContext = ctx.obj
    source = context.memory.store
    place = _place(context, to, to_url_file, to_storage)
    if place.shown == source.place:
        raise InvalidInput(f"{place.shown} cannot be copied into itself")
    with ExitStack() as opened:
        target = None if place.is_new else opened.enter_context(closing(place.open()))
        copier = Copier(source, target, on_conflict=CopyConflict(on_conflict))
        with _progress(copier, "comparing"):
            scopes = source.scopes() if all_scopes else [context.scope]
            report = copier.plan(scopes, target=place.shown)
        if plan:
            if not json_or(ctx, report):
                _show(report)
        else:
            copier.check(report)
            writes = _sum(report, "new") + (on_conflict == "overwrite") * _sum(report, "conflicts")
            confirm(_question(report), yes=yes or not writes)
            target = target or opened.enter_context(closing(place.open()))
            _run(ctx, copier, report, target, place)


def _place(context: CliContext, to: str | None, url_file: str | None, storage: str) -> Place:
    """Where to, as the first of option, file and variable says."""
    from engramia_core.stores.place import place_of

    if to is not None and url_file is not None:
        raise InvalidInput("--to and --to-url-file name two places", hint="leave one of them out")
    if to is not None:
        return place_of(to, storage=storage, is_secret=False)
    text = context.settings["copy_to_url"] if url_file is None else read_text(url_file).strip()
    if not text:
        raise InvalidInput(
            "no place to copy to is named",
            hint="add --to DIR, or set ENGRAMIA_COPY_TO_URL, or name a file: --to-url-file FILE",
        )
    return place_of(text, storage=storage, is_secret=True)


def _run(
    ctx: typer.Context, copier: Copier, report: CopyReport, target: PatternStore, place: Place
) -> None:
    """Copy, compare and show it, which the audit trail of the target tells, if it has one."""
    from engramia_core.library import this_process
    from engramia_core.memory.copy import complete

    context: CliContext = ctx.obj
    source = f"from {report.source}"
    actor = replace(context.actor, reason=context.actor.reason or f"copy {source}")
    with ExitStack() as around:
        running = Operation()
        database = place.database()
        if database is not None:
            trail = around.enter_context(closing(database))
            running = around.enter_context(operation(context, "copy", source, trail=trail))
        with _progress(copier, "copying"):
            copier.copy(report, target.acting(actor), owner=this_process(), now=context.now())
        with _progress(copier, "verifying"):
            done = copier.verify(report)
        running.result = f"{_sum(done, 'new'):,} new in {counted(len(done.scopes), 'scope')}"
        if not json_or(ctx, done):
            _show(done)
        complete(done)


@contextmanager
def _progress(copier: Copier, title: str) -> Iterator[None]:
    with progress(title) as counter:
        copier.progress = counter.advance
        yield


def _question(report: CopyReport) -> str:
    new, others = _sum(report, "new"), _sum(report, "conflicts")
    overwritten = f", {others:,} that differ there" if others else ""
    return f"Copy {new:,} patterns, issues and runs{overwritten} into {report.target}?"


def _sum(report: CopyReport, field: str) -> int:
    return sum(getattr(each, field) for each in report.scopes)


def _show(report: CopyReport) -> None:
    done = "would be copied" if report.planned else "was copied"
    write(f"{printable(report.source)} {done} into {printable(report.target)}")
    for each in report.scopes:
        write(f"\n{each.scope}")
        facts([(f"  {name}", value) for name, value in _facts(each)])
    if report.planned:
        write("\nkeys and the audit trail are not copied")


def _facts(each: ScopeCopy) -> Iterator[tuple[str, str]]:
    yield "patterns", f"{each.live:,} live, {each.trashed:,} in the trash, {each.purged:,} purged"
    yield (
        "of them",
        f"{counted(each.observations, 'observation')}, {each.events:,} lines of history",
    )
    yield "beside them", f"{counted(each.issues, 'issue')}, {counted(each.runs, 'run')} of aging"
    name = f"{each.model.model_id}, {counted(each.vectors, 'vector')}" if each.model else "none"
    yield "model", name
    yield "size", f"{each.size_bytes:,} bytes"
    yield (
        "in the target" if each.checked is None else "it had before",
        (f"{each.new:,} missing, {each.unchanged:,} the same, {each.conflicts:,} in conflict"),
    )
    if each.first_conflicts:
        yield "conflicts", ", ".join(each.first_conflicts)
    if each.checked is not None:
        yield "compared", f"{each.checked.compared:,}, {each.checked.differing:,} differ"
        yield "sha256 here", each.checked.source_sha256
        yield "sha256 there", each.checked.target_sha256
