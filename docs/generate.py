"""Write the pages of ``docs/reference`` that say what the code says; ``--check`` only looks whether they still do.

python -m docs.generate [--check]
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.dialects import sqlite
from typer.main import get_command

from docs import json_output
from docs.markdown import head, table
from engramia_cli import exits
from engramia_cli.app import app
from engramia_cli.tree import ENTRIES, GROUPS
from engramia_core import errors
from engramia_core.database import revisions, schema
from engramia_core.settings import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Column, Table

REFERENCE: Final = Path(__file__).parent / "reference"
STALE: Final = 1
_SETTINGS = {setting.name: setting for setting in KNOWN}

_UNEXPLAINED = {"version": "Show the version."}

_MEANINGS = {
    "DONE": "Done, nothing wrong.",
    "BUG": "A bug. The traceback is in the file that the message names.",
    "PROBLEMS_FOUND": "A check ran and found problems (`engramia doctor`, `audit verify`, `keys audit`, `migrate check`),"
    " or the schema does not fit (`engramia migrate status`).",
    "INTERRUPTED": "Interrupted with Ctrl-C.",
    "READER_LEFT": "The reader of a pipe wanted no more, as with `| head`.",
}
"""What the exit codes without an error mean, by the constant's name in ``exits.py``."""

_TABLES = {
    "engramia_data": "A pattern, live or in the trash.",
    "memory_skills": "Which skills a pattern shows.",
    "memory_embeddings": "A pattern's vector, as little-endian float32, under the model that gave it.",
    "memory_models": "The embedding models of a scope; one of them is active.",
    "memory_observations": "What was observed of a pattern, numbered in the order it came.",
    "memory_signatures": "Fingerprints by which near-duplicate tasks (kind 0) and issues (kind 1) are found.",
    "memory_changes": "What happened, numbered without a gap in each scope. It outlives the patterns.",
    "memory_issues": "Feedback that tells of one issue.",
    "memory_aging_runs": "The runs of aging that changed something.",
    "memory_tenants": "Every tenant that was ever written for.",
    "memory_projects": "Every scope that was ever written to, with the number of its live patterns.",
    "engramia_keys": "Access keys; without a project for the whole tenant, without a tenant for all.",
    "engramia_key_secrets": "A key's secrets, as SHA-256: one, or two while it is rotated.",
    "engramia_audit": "Who did what, as a hash chain for each scope and one for the installation (`*`).",
    "engramia_audit_heads": "The last record of each chain.",
    "engramia_instances": "The processes that serve, each with its last heartbeat.",
    "engramia_revisions": "The revisions that the database has, with their phase.",
    "engramia_locks": "Who holds which lock on a server.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or with ``--check`` name those that are stale; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    is_check = parser.parse_args(arguments).check
    stale = stale_pages(REFERENCE)
    for name, text in stale.items():
        if is_check:
            sys.stderr.write(f"stale: docs/reference/{name}\n")
        else:
            (REFERENCE / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/reference/{name}\n")
    if stale and is_check:
        sys.stderr.write("hint: python -m docs.generate\n")
        return STALE
    return 0


def stale_pages(directory: Path) -> dict[str, str]:
    """The pages whose file in ``directory`` is missing or says something else, with what they should say."""
    wanted = {name: "\n".join(page()) + "\n" for name, page in PAGES.items()}
    return {name: text for name, text in wanted.items() if not _says(directory / name, text)}


def _says(page: Path, text: str) -> bool:
    return page.is_file() and page.read_text(encoding="utf-8") == text


def cli_page() -> Iterator[str]:
    """Every command with its arguments, options and variables."""
    root: Any = get_command(app)
    yield from head("Commands", "the command tree")
    yield from ("```text", "engramia [OPTIONS] COMMAND [ARGS]...", "```", "")
    for title, entries in GROUPS:
        yield from table(
            (title, "what it does"),
            ((f"[`{e.name}`](#engramia-{e.name})", e.summary) for e in entries),
        )
    yield from ("## Common options", "", "Every command knows them, before or after its name.", "")
    yield from _options(p for p in root.params if _is_common(p))
    yield from ("Instead of a command:", "")
    yield from _options(p for p in root.params if not _is_common(p))
    for name in ENTRIES:
        yield from _command(f"engramia {name}", root.get_command(None, name), depth=2)


def settings_page() -> Iterator[str]:
    """Every setting with its flag, variable, name in the file and default."""
    flags = {p.name: max(p.opts, key=len) for p in _root_parameters()}
    yield from head("Settings", "`engramia_core/settings.py`")
    yield "A flag wins over the environment, the environment over `engramia.toml` in the working"
    yield "directory, and the file over the default. `engramia config show` says what holds here, and why."
    yield ""
    yield from table(
        ("setting", "flag", "variable", "default", "what it is"),
        (
            (
                f"`{s.name}`",
                f"`{flags[s.name]}`" if s.name in flags else "none",
                f"`{s.variable}`",
                f"`{s.default}`" if s.default else "none",
                s.help,
            )
            for s in KNOWN
        ),
    )
    yield from ("Two more variables are not settings:", "")
    yield from table(
        ("variable", "what it is"),
        (
            ("`ENGRAMIA_CONFIG`", "Another file than `./engramia.toml`. It must exist."),
            ("`NO_COLOR`", "No colours on a terminal, whatever the value, unless it is empty."),
        ),
    )
    yield from (
        "## The file",
        "",
        "TOML; every value is a string. A name that is no setting is an error.",
        "",
    )
    yield from ("```toml", 'path = "/srv/agent/memory"', 'project = "web"', "```")


def errors_page() -> Iterator[str]:
    """Every error raised on purpose, and every exit code."""
    yield from head(
        "Errors and exit codes", "`engramia_core/errors.py` and `engramia_cli/exits.py`"
    )
    yield "An error is two lines on stderr: what failed, with the value, and the next thing to type."
    yield from ("", "```text", "error: there is no memory in 'memory'")
    yield from ("hint: check the path, or make one there: engramia init --path memory", "```", "")
    yield from ("## Exit codes", "")
    by_code = [(code, _MEANINGS[name], "") for name, code in _plain_codes()]
    for error, code in exits.BY_ERROR.items():
        by_code.append((code, _promise(error), f"`{error.__name__}`"))
    yield from table(
        ("exit", "meaning", "error"),
        ((str(code), meaning, name) for code, meaning, name in sorted(by_code, key=lambda c: c[0])),
    )
    yield from ("## Errors", "", "A library user catches them from `engramia_core.errors`.", "")
    tree = (inspect.getdoc(errors) or "").split("\n\n")[1]
    yield from ("```text", tree, "```", "")
    every: list[type[errors.EngramiaError]] = [errors.EngramiaError, *exits.BY_ERROR]
    for error in every:
        yield from (f"### {error.__name__}", "", _promise(error), "")
    yield "Every error has `message` and `hint` (`None` when there is nothing to type)."


def schema_page() -> Iterator[str]:
    """Every table with its columns, keys and indexes."""
    yield from head("Schema", "`engramia_core/database/tables.py`")
    yield f"The tables of `engramia.db` at revision `{revisions.HEAD}`. Every key of the memory begins with tenant and project."
    yield "A moment is a whole number: microseconds since 1970 in UTC. `alembic_version` holds the revision."
    yield ""
    for each in schema.metadata.sorted_tables:
        yield from (f"## {each.name}", "", _TABLES[each.name], "")
        yield from table(("column", "type", "null", "key"), map(_column, each.columns))
        yield from _indexes(each)


PAGES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors-and-exit-codes.md": errors_page,
    "schema.md": schema_page,
    "json-output.md": json_output.page,
    "json-output.schema.json": json_output.schema_file,
}


def _command(path: str, command: Any, *, depth: int) -> Iterator[str]:  # noqa: ANN401 -- Typer's Click is private
    """A command's section, and those of the commands below it."""
    own = [p for p in command.params if not _is_common(p)]
    arguments = [p for p in own if p.param_type_name == "argument"]
    options = [p for p in own if p.param_type_name == "option"]
    below = getattr(command, "commands", {})
    yield from ("#" * depth + f" {path}", "")
    typed = [p.metavar if p.required else f"[{p.metavar}]" for p in arguments]
    usage = " ".join([path, "[OPTIONS]", *typed, *(["COMMAND"] if below else [])])
    yield from ("```text", usage, "```", "")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        is_example = paragraph.startswith("engramia ")
        yield from ("```sh", paragraph, "```", "") if is_example else (paragraph, "")
    if arguments:
        rows = ((f"`{p.metavar}`", _explained(p)) for p in arguments)
        yield from table(("argument", "what it is"), rows)
    if options:
        yield from _options(options)
    for name, child in below.items():
        yield from _command(f"{path} {name}", child, depth=depth + 1)


def _options(options: Iterable[Any]) -> Iterator[str]:
    yield from table(
        ("option", "what it is", "default", "variable"),
        ((f"`{_typed(o)}`", _explained(o), _default(o), _variable(o)) for o in options),
    )


def _root_parameters() -> list[Any]:
    root: Any = get_command(app)
    return list(root.params)


def _is_common(parameter: Any) -> bool:  # noqa: ANN401
    return parameter.name in _SETTINGS or parameter.name == "output"


def _typed(option: Any) -> str:  # noqa: ANN401
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag or not option.metavar else f"{names} {option.metavar}"


def _explained(parameter: Any) -> str:  # noqa: ANN401
    setting = _SETTINGS.get(parameter.name)
    known = setting.help if setting else parameter.help or _UNEXPLAINED.get(parameter.name, "")
    text = str(known).partition("  [")[0]
    return f"{text} Required." if parameter.required and text else text


def _default(option: Any) -> str:  # noqa: ANN401
    if option.name in _SETTINGS:
        return f"`{_SETTINGS[option.name].default}`"
    if option.name == "output":
        return "`table`"
    if option.default is None or option.default is False:
        return ""
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


def _variable(option: Any) -> str:  # noqa: ANN401
    setting = _SETTINGS.get(option.name)
    return f"`{setting.variable}`" if setting else ""


def _plain_codes() -> list[tuple[str, int]]:
    """The exit codes that are not an error's, by name; ``KeyError`` later for one without a meaning."""
    module = ast.parse(inspect.getsource(exits))
    names = [
        n.target.id
        for n in module.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    ]
    return [(name, code) for name in names if isinstance(code := getattr(exits, name), int)]


def _promise(error: type[errors.EngramiaError]) -> str:
    return (inspect.getdoc(error) or "").partition("\n\n")[0].replace("``", "`")


def _column(column: Column[Any]) -> tuple[str, str, str, str]:
    references = "".join(f" → `{key.target_fullname}`" for key in column.foreign_keys)
    key = ("primary" if column.primary_key else "") + references
    kind = column.type.compile(dialect=sqlite.dialect())
    return (f"`{column.name}`", kind, "yes" if column.nullable else "", key.strip())


def _indexes(table: Table) -> Iterator[str]:
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        where = index.dialect_kwargs.get("sqlite_where")
        rule = "" if where is None else f", where `{where.compile(dialect=sqlite.dialect())}`"
        columns = ", ".join(f"`{column.name}`" for column in index.columns)
        yield f"- Index `{index.name}` on {columns}{rule}."
    if table.indexes:
        yield ""


if __name__ == "__main__":
    raise SystemExit(main())
