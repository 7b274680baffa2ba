"""What ``--output json`` answers, from the dataclasses that the commands return: a page, and a JSON Schema.

A new command is a line in ``ANSWERS``. A field's meaning is the docstring under it, or stands in ``json_fields.py``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections import Counter
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import orjson

import engramia_core
from docs.json_fields import MEANINGS
from docs.markdown import head, table
from engramia_cli import reports
from engramia_core.audit.record import AuditRecord
from engramia_core.audit.verify import ChainsReport
from engramia_core.keys.key import Key
from engramia_core.keys.review import Concern
from engramia_core.maintenance.finding import Finding
from engramia_core.maintenance.indexing import IndexReport
from engramia_core.maintenance.inspection import Inspection
from engramia_core.maintenance.vacuum import VacuumReport
from engramia_core.memory.batch import BatchReport
from engramia_core.memory.copy_report import CopyReport
from engramia_core.memory.feedback import DecayReport, Issue
from engramia_core.memory.learn import Learned
from engramia_core.memory.prune import AgingReport, UndoReport
from engramia_core.memory.recall_report import RecallReport
from engramia_core.memory.reindex import DropReport, ReindexReport
from engramia_core.memory.stored import AgingRun, Event
from engramia_core.memory.transfer import ImportReport
from engramia_core.memory.upkeep import Moved, Refined, Reused
from engramia_core.migration.plan import MigrationPlan
from engramia_core.migration.run import MigrationReport
from engramia_core.migration.status import Drift, PastRevision, SchemaStatus
from engramia_core.tenancy.loss import Deletion
from engramia_core.tenancy.scopes import Project, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]


class Answer(NamedTuple):
    """What a command answers, and the arguments by which a test asks it for that."""

    command: str
    kind: Any
    arguments: str = ""


ANSWERS: Final = (
    Answer("init", reports.MemoryMade),
    Answer("learn", Learned, "'Rotate a log file' --code code.py --score 8"),
    Answer("learn --batch", BatchReport, "batch.ndjson"),
    Answer("recall", RecallReport, "'Parse a CSV export' --explain"),
    Answer("patterns list", reports.PatternPage),
    Answer("patterns show", reports.WholePattern, "parse-csv"),
    Answer("patterns delete", Moved, "parse-csv --yes"),
    Answer("patterns restore", Moved, "deleted"),
    Answer("patterns history", list[Event], "parse-csv"),
    Answer("refine", Refined, "parse-csv --score 4"),
    Answer("reuse", Reused, "parse-csv"),
    Answer("feedback", list[Issue]),
    Answer("aging", AgingReport, "--max-prune-percent 50"),
    Answer("aging undo", UndoReport, "RUN"),
    Answer("aging runs", list[AgingRun]),
    Answer("decay", DecayReport),
    Answer("export --file", reports.ExportedFile, "out.ndjson"),
    Answer("import", ImportReport, "memory.ndjson"),
    Answer("copy", CopyReport, "--to copied --yes"),
    Answer("reindex", ReindexReport),
    Answer("migrate status", SchemaStatus),
    Answer("migrate history", list[PastRevision]),
    Answer("migrate check", Drift),
    Answer("migrate plan", MigrationPlan),
    Answer("migrate up", MigrationReport),
    Answer("migrate down", MigrationReport, "--yes"),
    Answer("reindex --drop-old", DropReport),
    Answer("status", reports.Status),
    Answer("tenants list", list[Tenant]),
    Answer("tenants create", Tenant, "umbrella"),
    Answer("tenants delete", Deletion, "default --yes"),
    Answer("projects list", list[Project]),
    Answer("projects create", Project, "web"),
    Answer("projects delete", Deletion, "default --yes"),
    Answer("audit list", reports.AuditPage),
    Answer("audit tail", list[AuditRecord]),
    Answer("audit export --file", reports.ExportedFile, "trail.ndjson"),
    Answer("audit verify", ChainsReport),
    Answer("keys bootstrap", reports.HandedOver),
    Answer("keys create", reports.HandedOver, "--name ci --role reader"),
    Answer("keys list", list[Key]),
    Answer("keys show", Key, "KEY"),
    Answer("keys rotate", reports.HandedOver, "KEY --secret-file new.key"),
    Answer("keys revoke", Key, "KEY --yes"),
    Answer("keys audit", list[Concern]),
    Answer("config show", list[reports.ShownSetting]),
    Answer("db index", IndexReport, "--plan"),
    Answer("db reindex-index", IndexReport, "--plan"),
    Answer("db inspect", Inspection),
    Answer("db vacuum", VacuumReport),
    Answer("doctor", list[Finding]),
)
ON_A_SERVER: Final = {"db index", "db reindex-index"}
"""What is refused of a memory in a directory."""
PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    dict: {"type": "object"},
    datetime: {"type": "string", "format": "date-time"},
}


def page() -> Iterator[str]:
    """Every answer, and every type that it is made of."""
    yield from head("JSON output", "the dataclasses that the commands return")
    yield "Every command takes `--output json` and answers with one document on stdout. A field is always there; one that"
    yield "may be `null` says so. Times are ISO 8601 in UTC, numbers are not rounded, keys are never cut."
    yield "[json-output.schema.json](json-output.schema.json) says the same to programs: the answer of `engramia status` is"
    yield "`#/$defs/engramia status`."
    yield ""
    yield from table(("command", "answer"), ((_linked(a.command), _said(a.kind)) for a in ANSWERS))
    yield "An error leaves stdout empty, except where part of the work was done: see [errors and exit"
    yield "codes](errors-and-exit-codes.md)."
    yield ""
    for kind in sorted(_dataclasses(), key=lambda kind: kind.__name__):
        yield from (f"## {kind.__name__}", "", _prose(inspect.getdoc(kind)), "")
        yield from table(
            ("field", "type", "meaning"),
            ((f"`{name}`", _said(hint), _meaning(kind, name)) for name, hint in _hints(kind)),
        )


def _linked(command: str) -> str:
    anchor = f"engramia {command.partition(' --')[0]}".replace(" ", "-")
    return f"[`{command}`](cli.md#{anchor})"


def schema_file() -> Iterator[str]:
    """The JSON Schema, as it lies beside the page."""
    yield orjson.dumps(schema(), option=orjson.OPT_INDENT_2).decode()


def schema() -> Schema:
    """One definition for each command and each type."""
    kinds = {kind.__name__: _object(kind) for kind in _dataclasses()}
    answers = {f"engramia {answer.command}": _schema(answer.kind) for answer in ANSWERS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Engramia --output json",
        "$defs": answers | dict(sorted(kinds.items())),
    }


def _object(kind: type) -> Schema:
    properties = {name: _schema(hint) for name, hint in _hints(kind)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(hint: Any) -> Schema:  # noqa: ANN401 -- a type
    """The schema of a type; ``KeyError`` for one that no answer had until now."""
    if is_dataclass(hint):
        return {"$ref": f"#/$defs/{getattr(hint, '__name__', '')}"}
    if inspect.isclass(hint) and issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    origin, of = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return {"anyOf": [_schema(part) for part in of]}
    if origin in {list, tuple}:
        return {"type": "array", "items": _schema(of[0])}
    if origin is Counter:
        counts = {"type": "object", "additionalProperties": PLAIN[int]}
        return {**counts, "propertyNames": _schema(of[0])}
    return PLAIN[origin or hint]


def _said(hint: Any) -> str:  # noqa: ANN401 -- a type
    """A type, for people."""
    origin, of = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        name = getattr(hint, "__name__", "")
        return f"[{name}](#{name.lower()})"
    if inspect.isclass(hint) and issubclass(hint, StrEnum):
        return " or ".join(f"`{member}`" for member in hint)
    if origin in {Union, UnionType}:
        return " or ".join(_said(part) for part in of)
    if origin in {list, tuple}:
        return f"list of {_said(of[0])}"
    if origin is Counter:
        return f"number by name: {_said(of[0])}"
    return {NoneType: "`null`", datetime: "time"}.get(hint) or str(PLAIN[origin or hint]["type"])


def _dataclasses() -> set[type]:
    """Every dataclass that an answer is made of."""
    found: set[type] = set()
    waiting: list[Any] = [answer.kind for answer in ANSWERS]
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if inspect.isclass(kind) and is_dataclass(kind) and kind not in found:
            found.add(kind)
            waiting.extend(hint for _, hint in _hints(kind))
    return found


def _hints(kind: type) -> list[tuple[str, Any]]:
    """The fields of a dataclass with their types, in order."""
    hints = get_type_hints(kind, localns=_classes())
    return [(field.name, hints[field.name]) for field in fields(kind)]


@cache
def _classes() -> dict[str, type]:
    """The classes that annotations may name, since their modules import them for the type checker alone."""
    names: dict[str, type] = {"datetime": datetime}
    for found in pkgutil.walk_packages(engramia_core.__path__, "engramia_core."):
        module = importlib.import_module(found.name)
        classes = inspect.getmembers(module, inspect.isclass)
        names |= {name: kind for name, kind in classes if kind.__module__ == found.name}
    return names


def _meaning(kind: type, name: str) -> str:
    """What a field means: the docstring under it, or the word's usual meaning; ``KeyError`` without any."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for line, below in pairwise(lines):
        match line, below:
            case (
                ast.AnnAssign(target=ast.Name(id=found)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if found == name:
                return _prose(inspect.cleandoc(text))
    return MEANINGS.get(f"{kind.__name__}.{name}") or MEANINGS[name]


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())
