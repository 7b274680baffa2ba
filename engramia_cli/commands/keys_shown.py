"""The commands of ``engramia keys`` that change nothing: list, show, audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.options import KeyId
from engramia_cli.output import json_or, note, write
from engramia_cli.terminal import counted, facts, one_line, printable, table

if TYPE_CHECKING:
    from datetime import datetime

    from engramia_core.keys.key import Key, Secret


def whose(key: Key) -> str:
    """A key in a few words: id, name, role and reach."""
    return f"{key.key_id} ({key.name}, {key.role} of {key.reach})"


def list_(
    ctx: typer.Context,
    also_revoked: Annotated[bool, typer.Option("--all", help="Revoked ones too.")] = False,
) -> None:
    """List the access keys, newest first.

    engramia keys list
    engramia keys list --all --output json

    With --tenant or --project given, only the keys that reach there.
    """
    from engramia_core.keys.key import State
    from engramia_core.keys.rows import all_keys

    flags = ctx.obj.flags
    with ctx.obj.database.reading() as connection:
        found = [
            key
            for key in all_keys(connection, ctx.obj.now())
            if (also_revoked or key.state is not State.REVOKED)
            and flags.get("tenant") in {None, key.tenant_id or flags.get("tenant")}
            and flags.get("project") in {None, key.project_id or flags.get("project")}
        ]
    if json_or(ctx, found):
        return
    if not found:
        note("note: no such keys")
        return
    table(
        ("id", "role", "for", "state", "last used (UTC)", "expires", "name"),
        (
            (
                key.key_id,
                key.role,
                key.reach,
                key.state,
                _moment(key.last_used_at),
                f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never",
                one_line(key.name),
            )
            for key in found
        ),
    )


def show(ctx: typer.Context, key: KeyId) -> None:
    """Show a key, and the last four characters of its secrets.

    engramia keys show 06h0jhcrop9o173958r0d0lmtg
    """
    from engramia_core.keys.rows import check_id, find_key

    check_id(key)
    with ctx.obj.database.reading() as connection:
        found = find_key(connection, key, ctx.obj.now())
    if json_or(ctx, found):
        return
    facts(
        [
            ("id", found.key_id),
            ("name", printable(found.name)),
            ("role", found.role),
            ("for", found.reach),
            ("state", found.state),
            ("made", f"{_moment(found.created_at)} UTC by {printable(found.created_by)}"),
            ("expires", f"{_moment(found.expires_at)}{' UTC' * bool(found.expires_at)}"),
            *([("revoked", f"{_moment(found.revoked_at)} UTC")] if found.revoked_at else []),
            ("max patterns", f"{found.max_patterns:,}" if found.max_patterns else "no limit"),
        ]
    )
    write("")
    table(
        ("secret", "made (UTC)", "last used (UTC)", "ends (UTC)"),
        (
            (f"…{s.ending}", _moment(s.created_at), _moment(s.last_used_at), _ends(s))
            for s in found.secrets
        ),
    )


def audit(ctx: typer.Context) -> None:
    """Find keys that are stale, unused, about to end, or too strong.

    engramia keys audit

    Found are keys that were not used for 90 days, or not within 7 days of being made; that expire within 14 days, or
    have expired and were not revoked; and owner's keys that were not used for 30 days, or are more than two. The exit
    code is 7 when there are any.
    """
    from engramia_core.keys.review import review
    from engramia_core.keys.rows import all_keys

    now = ctx.obj.now()
    with ctx.obj.database.reading() as connection:
        keys = all_keys(connection, now)
    concerns = review(keys, now)
    if not json_or(ctx, concerns):
        for concern in concerns:
            write(f"{concern.check:<11}  {concern.key_id} ({one_line(concern.name)})")
            write(f"{'':13}{concern.text}")
            write(f"{'':13}{ctx.obj.typed(concern.remedy)}")
        looked_at = counted(sum(key.is_live for key in keys), "live key")
        write(f"{looked_at}, {counted(len(concerns), 'finding')}")
    if concerns:
        raise typer.Exit(PROBLEMS_FOUND)


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _ends(secret: Secret) -> str:
    if secret.valid_until is None:
        return "with the key"
    return _moment(secret.valid_until) + " unless used" * bool(secret.quiet_s)
