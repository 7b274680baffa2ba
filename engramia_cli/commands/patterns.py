"""``engramia patterns``: the stored patterns themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.options import Command, Key, Limit, Yes, new_app
from engramia_cli.output import (
    confirm,
    day,
    json_or,
    note,
    printable,
    score,
    short,
    table,
    write,
    write_json,
)
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import check_key
from engramia_core.memory.upkeep import survival_at

if TYPE_CHECKING:
    from engramia_core.memory.pattern import Pattern

app = new_app(group=True)


@app.callback()
def patterns() -> None:
    """List, show, delete and restore patterns."""


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    limit: Limit = 20,
    after: Annotated[
        str | None, typer.Option(metavar="KEY", help="Go on after this key of the last page.")
    ] = None,
    skill: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With this skill.")
    ] = None,
    trash: Annotated[bool, typer.Option("--trash", help="Those in the trash instead.")] = False,
) -> None:
    """List patterns, newest first.

    engramia patterns list --limit 50 --skill csv
    """
    memory = ctx.obj.memory
    filters = Filters(skills=tuple(skill or ()))
    found = memory.store.page(
        memory.scope,
        filters=filters,
        limit=limit + 1,
        before=None if after is None else check_key(after),
        trashed=trash,
    )
    page = found[:limit]
    if json_or(ctx, {"patterns": page, "has_more": len(found) > limit}):
        return
    if not page:
        write("no patterns in the trash" if trash else "no patterns yet")
        return
    now = memory.now()
    table(
        ("key", "quality", "survival", "reused", "learned", "task"),
        (
            (
                p.key,
                score(p.quality),
                f"{survival_at(p, now):.2f}",
                str(p.reuse_count),
                day(p.created_at, now),
                short(p.task),
            )
            for p in page
        ),
    )
    if len(found) > limit:
        note(f"more: engramia patterns list --after {page[-1].key}")


@app.command(cls=Command)
def show(ctx: typer.Context, key: Key) -> None:
    """Show a pattern whole: task, facts, observations, code.

    engramia patterns show 01jdq3v8k2m5n7p9r1s3t5v7w9
    """
    memory = ctx.obj.memory
    pattern = memory.get(key)
    observations = memory.observations(key)
    if ctx.obj.is_json:
        write_json({"pattern": pattern, "observations": observations})
        return
    write(f"{printable(pattern.task)}\n")
    table(("fact", "value"), _facts(pattern, survival_at(pattern, memory.now())))
    if observations:
        write("")
        table(
            ("observed", "score", "source", "feedback"),
            (
                (f"{o.at:%Y-%m-%d %H:%M}", f"{o.score:.1f}", o.source, printable(o.feedback or ""))
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
        ("skills", ", ".join(pattern.skills) or "none"),
        ("classification", pattern.classification),
        ("source", pattern.source),
        ("run", printable(pattern.run_id or "none")),
        ("learned", f"{pattern.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("updated", f"{pattern.updated_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    if pattern.trashed:
        facts.append(("trash", f"{pattern.trashed.reason} {pattern.trashed.at:%Y-%m-%d %H:%M} UTC"))
    return facts


@app.command(cls=Command)
def delete(ctx: typer.Context, key: Key, yes: Yes = False) -> None:
    """Put a pattern in the trash; restore brings it back for 30 days.

    engramia patterns delete 01jdq3v8k2m5n7p9r1s3t5v7w9 --yes
    """
    task = ctx.obj.memory.get(key).task
    confirm(f"put {key} ({short(task)}) in the trash?", yes=yes)
    moved = ctx.obj.memory.delete(key)
    if not json_or(ctx, moved):
        write(f"{key} is in the trash for 30 days; engramia patterns restore {key} brings it back")


@app.command(cls=Command)
def restore(ctx: typer.Context, key: Key) -> None:
    """Bring a pattern back from the trash as it was.

    engramia patterns restore 01jdq3v8k2m5n7p9r1s3t5v7w9
    """
    moved = ctx.obj.memory.restore(key)
    if not json_or(ctx, moved):
        write(f"{key} is back; aging leaves it alone for 30 days")


@app.command(cls=Command)
def history(ctx: typer.Context, key: Key) -> None:
    """Show what happened to a pattern, even after it was purged.

    engramia patterns history 01jdq3v8k2m5n7p9r1s3t5v7w9
    """
    events = ctx.obj.memory.history(check_key(key))
    if not events:
        ctx.obj.memory.get(key)
    if not json_or(ctx, events):
        table(
            ("when (UTC)", "what", "detail"),
            ((f"{e.at:%Y-%m-%d %H:%M:%S}", e.action, printable(e.detail)) for e in events),
        )
