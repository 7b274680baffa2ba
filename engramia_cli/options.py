"""The options that every command knows, before or after its name; the later one wins."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as command_of

if TYPE_CHECKING:
    from engramia_cli.context import CliContext

Plan = Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The pattern's key.")]


class Output(StrEnum):
    """For people, or for programs."""

    TABLE = "table"
    JSON = "json"


_declaration = typer.Typer(add_completion=False)


@_declaration.command()
def _common(
    path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The directory of the memory.  [env: ENGRAMIA_DATA_PATH]"),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="auto, sqlite or json.  [env: ENGRAMIA_STORAGE]"),
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="minilm, openai[:MODEL] or none.  [env: ENGRAMIA_EMBEDDINGS]"
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose memory.  [env: ENGRAMIA_TENANT]")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which project of the tenant.  [env: ENGRAMIA_PROJECT]"),
    ] = None,
    output: Annotated[
        Output | None, typer.Option(help="For people, or for programs.  [default: table]")
    ] = None,
) -> None:
    """Declare the common options."""


class Common:
    """Adds the common options to a command or group."""

    help: str | None
    params: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = {parameter.name for parameter in self.params}
        self.params.extend(p for p in command_of(_declaration).params if p.name not in mine)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- Typer's signature
        """Write the docstring as it was written, examples and all."""
        formatter.write_paragraph()
        for line in (self.help or "").splitlines():
            formatter.write(f"  {line}\n" if line else "\n")

    def invoke(self, ctx: Any) -> Any:
        """Run with the common options in the context, and close what was opened."""
        ctx.obj = read_common(ctx, ctx.obj)
        try:
            return super().invoke(ctx)  # type: ignore[misc]
        finally:
            ctx.obj.close()


class Command(Common, TyperCommand):
    """A command that knows the common options."""


class Group(Common, TyperGroup):
    """A command with commands of its own that knows the common options."""


def read_common(ctx: Any, context: CliContext) -> CliContext:
    """``context`` with the common options that were given on this level, which are taken out of ``ctx``."""
    names = [parameter.name for parameter in command_of(_declaration).params]
    return context.with_options({name: ctx.params.pop(name, None) for name in names})


def new_app(*, group: bool = False, also_alone: bool = False) -> typer.Typer:
    """A Typer application for a command, or for a group; ``also_alone``: the group does something by itself."""
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
    if not group:
        return typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=settings)
    return typer.Typer(
        cls=Group,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=settings,
        invoke_without_command=also_alone,
        no_args_is_help=not also_alone,
    )
