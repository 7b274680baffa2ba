"""``engramia patterns``: the stored patterns themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.options import ChangingCommand, Command, Key, Limit, Skills, Yes, new_app
from engramia_cli.output import confirm, json_or, note, write
from engramia_cli.reports import PatternPage, WholePattern
from engramia_cli.terminal import age, facts, one_line, printable, score, table
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import check_key

if TYPE_CHECKING:
    from engramia_core.memory.pattern import Pattern

app = new_app(group=True)


@app.callback()
def patterns() -> None:
    """List, show, delete and restore patterns.

    engramia patterns list
    engramia patterns show 06h0jhcrop9o173958r0d0lmtg
    """


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    limit: Limit = 20,
    after: Annotated[
        str | None, typer.Option(metavar="KEY", help="Go on after this key of the last page.")
    ] = None,
    skill: Skills = None,
    trash: Annotated[bool, typer.Option("--trash", help="Those in the trash instead.")] = False,
) -> None:
    """List patterns, newest first.

    engramia patterns list --limit 50 --skill csv
    """
    from engramia_core.memory.upkeep import survival_at

    memory = ctx.obj.memory
    found = memory.store.page(
        memory.scope,
        filters=Filters(skills=tuple(skill or ())),
        limit=limit + 1,
        before=None if after is None else check_key(after),
        trashed=trash,
    )
    page, has_more = found[:limit], len(found) > limit
    if json_or(ctx, PatternPage(page, has_more)):
        return
    if not page:
        note("note: no such patterns" + " in the trash" * trash)
        return
    now = memory.now()
    table(
        ("key", "quality", "survival", "uses", "age", "task"),
        (
            (
                p.key,
                score(p.quality),
                f"{survival_at(p, now):.2f}",
                f"{p.reuse_count:,}",
                age(p.created_at, now),
                one_line(p.task),
            )
            for p in page
        ),
    )
    if has_more:
        note(f"note: there are more; the same command with --after {page[-1].key} goes on")


@app.command(cls=Command)
def show(ctx: typer.Context, key: Key) -> None:
    """Show a pattern whole: task, facts, observations, code.

    engramia patterns show 06h0jhcrop9o173958r0d0lmtg
    """
    from engramia_core.memory.upkeep import survival_at

    memory = ctx.obj.memory
    pattern = memory.get(key)
    observations = memory.observations(key)
    if json_or(ctx, WholePattern(pattern, observations)):
        return
    write(printable(pattern.task))
    write("")
    facts(_facts(pattern, survival_at(pattern, memory.now())))
    if observations:
        write("")
        table(
            ("observed (UTC)", "score", "source", "feedback"),
            (
                (f"{o.at:%Y-%m-%d %H:%M}", f"{o.score:.1f}", o.source, one_line(o.feedback or ""))
                for o in observations
            ),
        )
    write("")
    write(printable(pattern.code))
    if pattern.output:
        write(f"\noutput:\n{printable(pattern.output)}")


def _facts(pattern: Pattern, survival: float) -> list[tuple[str, str]]:
    facts = [
        ("key", pattern.key),
        ("quality", score(pattern.quality)),
        ("success score", score(pattern.success_score)),
        ("survival", f"{survival:.2f}, pruned after {pattern.prune_after:%Y-%m-%d}"),
        ("reused", str(pattern.reuse_count)),
        ("skills", printable(", ".join(pattern.skills)) or "none"),
        ("classification", pattern.classification),
        ("source", pattern.source),
        ("run", printable(pattern.run_id or "none")),
        ("learned", f"{pattern.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("updated", f"{pattern.updated_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    if pattern.trashed:
        facts.append(("trash", f"{pattern.trashed.reason} {pattern.trashed.at:%Y-%m-%d %H:%M} UTC"))
    return facts


@app.command(cls=ChangingCommand)
def delete(ctx: typer.Context, key: Key, yes: Yes = False) -> None:
    """Put a pattern in the trash; restore brings it back for 30 days.

    engramia patterns delete 06h0jhcrop9o173958r0d0lmtg --yes
    """
    task = ctx.obj.memory.get(key).task
    confirm(f"put {key} ({one_line(task, 60)}) in the trash?", yes=yes)
    moved = ctx.obj.memory.delete(key)
    if not json_or(ctx, moved):
        command = ctx.obj.typed(f"engramia patterns restore {key}")
        write(f"{key} is in the trash for 30 days; {command} brings it back")


@app.command(cls=ChangingCommand)
def restore(ctx: typer.Context, key: Key) -> None:
    """Bring a pattern back from the trash as it was.

    engramia patterns restore 06h0jhcrop9o173958r0d0lmtg
    """
    moved = ctx.obj.memory.restore(key)
    if not json_or(ctx, moved):
        write(f"{key} is back; aging leaves it alone for 30 days")


@app.command(cls=Command)
def history(ctx: typer.Context, key: Key) -> None:
    """Show what happened to a pattern, even after it was purged.

    engramia patterns history 06h0jhcrop9o173958r0d0lmtg
    """
    events = ctx.obj.memory.history(check_key(key))
    if not events:
        ctx.obj.memory.get(key)
    if not json_or(ctx, events):
        table(
            ("when (UTC)", "what", "detail"),
            ((f"{e.at:%Y-%m-%d %H:%M:%S}", e.action, one_line(e.detail)) for e in events),
        )
