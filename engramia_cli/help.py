"""The help page of a command: how to type it, what it promises, examples, and every option."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from engramia_core.settings import KNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST = 100
_NARROWEST = 40
_NAME_COLUMN = 24
_FLAGS = {
    "path": "DIR",
    "storage": "NAME",
    "embeddings": "NAME",
    "tenant": "NAME",
    "project": "NAME",
}
"""The settings that are options too, and what they take."""

COMMON = (
    *(
        (
            f"--{setting.name} {_FLAGS[setting.name]}",
            f"{setting.help}  [{setting.variable}; {setting.default}]",
        )
        for setting in KNOWN
        if setting.name in _FLAGS
    ),
    ("--output table|json", "For people, or for programs.  [table]"),
)
"""The options that every command knows, as typed and explained."""


def page(command: Any, ctx: Any) -> str:  # noqa: ANN401 -- Typer's own command and context
    """The help page of ``command``."""
    common = {name.split()[0] for name, _ in COMMON}
    own = [p for p in command.get_params(ctx) if common.isdisjoint(p.opts)]
    arguments = [p for p in own if p.param_type_name == "argument"]
    options = [p for p in own if p.param_type_name == "option"]
    names = command.list_commands(ctx) if hasattr(command, "list_commands") else ()
    parts = [
        _usage(ctx.command_path, arguments, has_commands=bool(names)),
        *(_paragraph(text) for text in command.help.split("\n\n")),
        section("Commands", [(name, _promise(command.get_command(ctx, name))) for name in names]),
        section("Arguments", [(p.metavar, p.help) for p in arguments]),
        section("Options", [(_typed(p), _explained(p)) for p in options]),
        section("Common options", COMMON),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A title, and under it names with what they are for; empty without any."""
    return "\n".join([f"{title}:", *(_row(name, text) for name, text in rows)]) if rows else ""


def _wide() -> int:
    """The terminal's width, but no line is longer than 100 columns."""
    columns = shutil.get_terminal_size((_WIDEST, 24)).columns
    return max(min(columns, _WIDEST), _NARROWEST)


def _usage(path: str, arguments: Sequence[Any], *, has_commands: bool) -> str:
    names = [p.metavar if p.required else f"[{p.metavar}]" for p in arguments]
    return " ".join(["Usage:", path, "[OPTIONS]", *names, *["COMMAND"] * has_commands])


def _promise(command: Any) -> str:  # noqa: ANN401 -- Typer's own command
    """The first line of a command's help."""
    return str(command.help).partition("\n")[0]


def _paragraph(text: str) -> str:
    """Examples as they are, prose filled to the width."""
    if text.startswith("engramia "):
        return textwrap.indent(text, "  ")
    return textwrap.fill(
        " ".join(text.split()), _wide(), initial_indent="  ", subsequent_indent="  "
    )


def _row(name: str, text: str) -> str:
    """A name and what it is for beside it; on a narrow terminal below it."""
    column = _NAME_COLUMN if _wide() > 3 * _NAME_COLUMN else 2
    indent = " " * (column + 2)
    filled = textwrap.fill(text, _wide(), initial_indent=indent, subsequent_indent=indent)
    if len(name) < column:
        return f"  {name:<{column}}{filled[len(indent) :]}"
    return f"  {name}\n{filled}"


def _typed(option: Any) -> str:  # noqa: ANN401 -- Typer's own option
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar}"


def _explained(option: Any) -> str:  # noqa: ANN401 -- Typer's own option
    if option.required:
        return f"{option.help}  [required]"
    if option.default is None or option.default is False:
        return str(option.help)
    default = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
    return f"{option.help}  [{default}]"
