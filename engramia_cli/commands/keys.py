"""``engramia keys``: make, rotate and revoke access keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engramia_cli.commands.keys_shown import audit, list_, show, whose
from engramia_cli.handover import SecretFile, secret_place
from engramia_cli.options import ChangingCommand, Command, KeyId, Yes, new_app
from engramia_cli.output import confirm, json_or, write
from engramia_core.durations import parse_duration, written_duration
from engramia_core.errors import InvalidInput
from engramia_core.keys.role import Role

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.keys.key import Key, Window

app = new_app(group=True)

Expires = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="End it after this time: 30m, 24h, 90d, 2w."),
]


@app.callback()
def keys() -> None:
    """Make, rotate and revoke access keys.

    engramia keys bootstrap
    engramia keys create --name web --role editor --tenant acme --project web
    engramia keys rotate 06h0jhcrop9o173958r0d0lmtg --overlap 24h
    """


@app.command(cls=ChangingCommand)
def bootstrap(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it.")] = "owner",
    expires: Expires = None,
    secret_file: SecretFile = None,
) -> None:
    """Make the first owner's key, once.

    engramia keys bootstrap --secret-file owner.key

    It works on the database itself, ENGRAMIA_DATABASE_URL or the file in --path, and needs no server. If somebody made
    one before, you are told who and when.
    """
    from engramia_core.keys import ring

    now = ctx.obj.now()
    ends = _end(now, expires)
    with secret_place(secret_file) as place:
        database = ctx.obj.database
        new = ring.bootstrap(database, name, now=now, actor=ctx.obj.actor, expires_at=ends)
        place.hand_over(ctx, new, f"made key {whose(new.key)}")


@app.command(cls=ChangingCommand)
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it: who uses it.")],
    role: Annotated[
        Role,
        typer.Option(metavar="ROLE", help="What it may do: reader, editor, admin or owner."),
    ],
    expires: Expires = None,
    max_patterns: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Let it learn only up to so many live patterns."),
    ] = None,
    all_projects: Annotated[
        bool, typer.Option("--all-projects", help="For every project of the tenant.")
    ] = False,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="For every tenant and project; needs role owner.")
    ] = False,
    secret_file: SecretFile = None,
) -> None:
    """Make an access key for a scope, and show its secret once.

    engramia keys create --name web --role editor --tenant acme --project web
    engramia keys create --name ci --role reader --expires 90d --secret-file ci.key
    engramia keys create --name ops --role admin --tenant acme --all-projects

    A reader may recall, list and export; an editor learn, refine and delete too; an admin also age, import and manage
    the keys of its scope; an owner everything. The secret is alone on stdout; with --secret-file the key's id is.
    """
    from engramia_core.keys import ring
    from engramia_core.keys.key import Grant

    now, scope = ctx.obj.now(), ctx.obj.scope
    tenant = None if all_tenants else scope.tenant_id
    project = None if all_tenants or all_projects else scope.project_id
    grant = Grant(name, role, tenant, project, _end(now, expires), max_patterns)
    with secret_place(secret_file) as place:
        new = ring.create(ctx.obj.database, grant, now=now, actor=ctx.obj.actor)
        place.hand_over(ctx, new, f"made key {whose(new.key)}")


app.command("list", cls=Command)(list_)
app.command(cls=Command)(show)


@app.command(cls=ChangingCommand)
def rotate(
    ctx: typer.Context,
    key: KeyId,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long the old secret holds beside it.  [24h]"),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="End every old secret at once, after a leak.")
    ] = False,
    until_unused: Annotated[
        bool,
        typer.Option("--until-unused", help="Let the old secret hold until it is used no more."),
    ] = False,
    quiet: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="With --until-unused: how long it must be unused.  [1h]"
        ),
    ] = None,
    secret_file: SecretFile = None,
    yes: Yes = False,
) -> None:
    """Give a key a new secret, and let the old one end.

    engramia keys rotate 06h0jhcrop9o173958r0d0lmtg --overlap 24h
    engramia keys rotate 06h0jhcrop9o173958r0d0lmtg --until-unused --quiet 2h
    engramia keys rotate 06h0jhcrop9o173958r0d0lmtg --now --yes

    The new secret holds at once. A secret that is ending already keeps its end, unless --now ends it too.
    """
    from engramia_core.keys import ring
    from engramia_core.keys.key import AT_ONCE

    window = _window(overlap=overlap, at_once=now, until_unused=until_unused, quiet=quiet)
    found = _found(ctx, key)
    if window == AT_ONCE:
        confirm(f"end every old secret of key {whose(found)} at once?", yes=yes)
    moment = ctx.obj.now()
    with secret_place(secret_file) as place:
        new = ring.rotate(ctx.obj.database, key, window, now=moment, actor=ctx.obj.actor)
        place.hand_over(ctx, new, f"rotated key {whose(new.key)}; {_ending(window, moment)}")


@app.command(cls=ChangingCommand)
def revoke(ctx: typer.Context, key: KeyId, yes: Yes = False) -> None:
    """End a key with all its secrets, for good.

    engramia keys revoke 06h0jhcrop9o173958r0d0lmtg --yes
    """
    from engramia_core.keys import ring

    found = _found(ctx, key)
    confirm(f"revoke key {whose(found)} for good?", yes=yes)
    revoked = ring.revoke(ctx.obj.database, key, now=ctx.obj.now(), actor=ctx.obj.actor)
    if not json_or(ctx, revoked):
        write(f"revoked key {whose(revoked)}; the next request with it is rejected")


app.command("audit", cls=Command)(audit)


def _found(ctx: Any, key_id: str) -> Key:  # noqa: ANN401 -- Typer's own context
    from engramia_core.keys.rows import check_id, find_key

    check_id(key_id)
    with ctx.obj.database.reading() as connection:
        return find_key(connection, key_id, ctx.obj.now())


def _end(now: datetime, expires: str | None) -> datetime | None:
    return None if expires is None else now + parse_duration(expires, name="--expires")


def _window(*, overlap: str | None, at_once: bool, until_unused: bool, quiet: str | None) -> Window:
    from engramia_core.keys.key import AT_ONCE, Window

    if (overlap is not None) + at_once + until_unused > 1:
        raise InvalidInput("of --overlap, --now and --until-unused only one can be")
    if quiet is not None and not until_unused:
        raise InvalidInput("--quiet is for --until-unused", hint="add it, or leave --quiet out")
    if at_once:
        return AT_ONCE
    if until_unused:
        return Window(parse_duration(quiet or "1h", name="--quiet"), is_quiet=True)
    return Window(parse_duration(overlap or "24h", name="--overlap"))


def _ending(window: Window, now: datetime) -> str:
    from engramia_core.keys.key import AT_ONCE

    if window == AT_ONCE:
        return "every old secret has ended"
    if window.is_quiet:
        return f"the old secret ends when it was not used for {written_duration(window.length)}"
    return f"the old secret ends on {window.ends(now):%Y-%m-%d %H:%M} UTC"
