"""Typer's complaints about what was typed, in our words: the value, and the page that helps."""

from __future__ import annotations

import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typer.exceptions import TyperException

_WRONG = {
    "greater_than_equal": "{value} is less than {ge:g}",
    "less_than_equal": "{value} is more than {le:g}",
    "int_parsing": "{value} is not a whole number",
    "float_parsing": "{value} is not a number",
}


def explained(error: TyperException, ctx: Any) -> InvalidInput:  # noqa: ANN401 -- Typer's own context
    """``error``, which was raised while the command line of ``ctx`` was read, as one of ours."""
    hint = f"{ctx.command_path} --help" if ctx else "engramia --help"
    kind = type(error).__name__
    details: Any = error
    if kind == "NoSuchOption":
        guess = next(iter(details.possibilities or ()), None)
        message = f"there is no option {details.option_name}"
        return InvalidInput(message, hint=f"did you mean {guess}? {hint}" if guess else hint)
    if kind == "MissingParameter":
        return InvalidInput(f"{_name(details.param)} is missing", hint=hint)
    if kind == "BadParameter":
        return InvalidInput(f"{_name(details.param)} {_what_is_wrong(details)}", hint=hint)
    if error.message.startswith("Got unexpected extra"):
        extra = error.message.partition("(s) (")[2].removesuffix(")")
        return InvalidInput(
            f"there is too much: {extra}",
            hint=f"put quotes around a text of several words; {hint}",
        )
    if error.message.startswith("Missing command"):
        commands = ", ".join(ctx.command.list_commands(ctx))
        return InvalidInput(f"{ctx.command_path} needs a command: {commands}", hint=hint)
    return InvalidInput(error.message[:1].lower() + error.message[1:].rstrip("."), hint=hint)


def no_such_command(ctx: Any, name: str, known: Iterable[str]) -> InvalidInput:  # noqa: ANN401
    """``name`` is none of the ``known`` commands of ``ctx``."""
    guess = next(iter(get_close_matches(name, list(known), 1)), None)
    return InvalidInput(
        f"{ctx.command_path} has no command {name!r}",
        hint=f"did you mean: {ctx.command_path} {guess}" if guess else f"{ctx.command_path} --help",
    )


def _name(parameter: Any) -> str:  # noqa: ANN401 -- Typer's own parameter
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    return max(parameter.opts, key=len)  # type: ignore[no-any-return]


def _what_is_wrong(error: Any) -> str:  # noqa: ANN401 -- Typer's own error
    """What Pydantic, which reads the values for Typer, found."""
    found = error.__cause__.errors()[0]
    if found["type"] in _WRONG:
        value = shlex.quote(str(found["input"]))
        return _WRONG[found["type"]].format(value=value, **found.get("ctx", {}))
    return str(found["msg"]).removeprefix("Value error, ").rstrip(".")
