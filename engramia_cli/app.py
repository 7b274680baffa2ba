"""The command line: a Typer application whose commands are loaded when they are typed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command as command_of
from typing_extensions import override

from engramia_cli.boundary import boundary
from engramia_cli.exits import PROBLEMS_FOUND
from engramia_cli.options import Group
from engramia_cli.output import flush
from engramia_cli.tree import ENTRIES, help_page
from engramia_cli.version import version_line


class Root(Group):
    """The root: finds commands by name, and ends with the exit code that is due."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return list(ENTRIES)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"engramia_cli.commands.{entry.module}")
        command = command_of(getattr(module, entry.attribute))
        command.name = entry.name
        return command

    @override
    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page())

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with boundary():
                code = super().main(*args, **{**kwargs, "standalone_mode": False})
                if code in {None, PROBLEMS_FOUND}:
                    flush()
        except typer.Exit as exit_:
            code = exit_.exit_code
        sys.exit(code)


app = typer.Typer(
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001 -- Typer calls it
    if value:
        sys.stdout.write(version_line())
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool | None, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = None,
) -> None:
    """Hold the options that every command knows."""
