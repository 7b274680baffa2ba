"""The options that every command knows, before or after its name; the later one wins."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command as command_of
from typing_extensions import override

from engramia_cli.boundary import boundary
from engramia_cli.help import page
from engramia_cli.usage import explained, no_such_command
from engramia_core.settings import KNOWN

if TYPE_CHECKING:
    from engramia_cli.context import CliContext

Plan = Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The pattern's key.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The access key's id.")]
Skills = Annotated[
    list[str] | None,
    typer.Option("--skill", metavar="NAME", help="With this skill; may be repeated."),
]


_HELP = {setting.name: setting.help for setting in KNOWN}


class Output(StrEnum):
    """For people, or for programs."""

    TABLE = "table"
    JSON = "json"


_declaration = typer.Typer(add_completion=False)


@_declaration.command("common")
def _common(
    path: Annotated[str | None, typer.Option(metavar="DIR")] = None,
    storage: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    embeddings: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    project: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    output: Annotated[
        Output | None,
        typer.Option(metavar="table|json", help="For people, or for programs.  [table]"),
    ] = None,
) -> None:
    """Declare the common options; the help of those that are settings is the setting's."""


@_declaration.command("reason")
def _reason(
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for the audit trail.")
    ] = None,
) -> None:
    """Declare the option of what changes something."""


@cache
def common_parameters() -> list[Any]:
    """The common options, as Typer has them."""
    parameters = _declared("common")
    for parameter in parameters:
        if parameter.name in _HELP:
            parameter.help = _HELP[parameter.name]
    return parameters


@cache
def reason_parameters() -> list[Any]:
    """The option of what changes something, as Typer has it."""
    return _declared("reason")


def _declared(name: str) -> list[Any]:
    declaration: Any = command_of(_declaration)
    return list(declaration.commands[name].params)


class Common:
    """Adds the common options, our help page and our errors to a command or group."""

    params: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_parameters())

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        formatter.write(page(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read this level's part of the command line."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]
        except TyperException as error:
            raise explained(error, ctx) from error

    def invoke(self, ctx: Any) -> Any:
        """Run with the common options in the context, and close what was opened."""
        ctx.obj = read_common(ctx)
        with boundary(ctx):
            try:
                return super().invoke(ctx)  # type: ignore[misc]
            finally:
                ctx.obj.close()


class Command(Common, TyperCommand):
    """A command that knows the common options."""


class ChangingCommand(Command):
    """A command that changes something, and records why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(reason_parameters())


class Group(Common, TyperGroup):
    """A command with commands of its own that knows the common options."""

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not (ctx.resilient_parsing or self.get_command(ctx, name)):
            raise no_such_command(ctx, name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class ChangingGroup(Group):
    """A group that changes something by itself, and records why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(reason_parameters())


def read_common(ctx: Any) -> CliContext:
    """The context with the common options that were given on this level, which are taken out of ``ctx``."""
    from engramia_cli.context import CliContext

    context = ctx.obj or CliContext()
    names = [p.name for p in (*common_parameters(), *reason_parameters())]
    return context.with_options({name: ctx.params.pop(name, None) for name in names})


def new_app(*, group: bool = False, also_alone: bool = False) -> typer.Typer:
    """A Typer application for a command, or for a group; ``also_alone``: the group changes something by itself."""
    settings = {"help_option_names": ["-h", "--help"]}
    if not group:
        return typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=settings)
    return typer.Typer(
        cls=ChangingGroup if also_alone else Group,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=settings,
        invoke_without_command=also_alone,
    )
