"""Which lock a statement takes on which table, and whether it writes the table anew: what can be said without running it.

The classes of PostgreSQL are those of its manual ("Explicit Locking", "ALTER TABLE", PostgreSQL 18, read 2026-11-24); a
test asks a server about each rule. What no rule covers is ``UNKNOWN``, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

ACCESS_SHARE = "ACCESS SHARE"
ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
SHARE = "SHARE"
SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
ROW_EXCLUSIVE = "ROW EXCLUSIVE"
NEW = "none (new table)"
NONE = "none"
UNKNOWN = "unknown"
SQLITE_WRITE = "write lock (whole file)"
"""SQLite has one lock for writers; readers go on beside it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does to the tables that are there; ``rewrites`` and ``scans`` are ``None`` when unknown."""

    table: str | None
    lock: str
    rewrites: bool | None = False
    scans: bool | None = False
    also_locks: tuple[str, ...] = ()
    """Tables that a foreign key names; they are locked SHARE ROW EXCLUSIVE, against writers."""


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    lock: str
    rewrites: bool | None = False
    scans: bool | None = False


def _rule(
    pattern: str, lock: str, *, rewrites: bool | None = False, scans: bool | None = False
) -> _Rule:
    """A rule for statements that begin so; ``T`` stands for a name, whose group is the table."""
    name = r'"?(?P<table>\w+)"?'
    return _Rule(
        re.compile(pattern.replace("TABLE_NAME", name), re.IGNORECASE | re.DOTALL),
        lock,
        rewrites,
        scans,
    )


_ALTER = r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?TABLE_NAME "
_CONSTRAINT = _ALTER + r"ADD (?:CONSTRAINT \"?\w+\"? )?"
_CONSTANT = r"(?:'(?:[^']|'')*'(?:::[\w ]+)?|-?\d[\d.]*|true|false|NULL|now\(\)|CURRENT_TIMESTAMP)"

_POSTGRESQL = (
    _rule(r"CREATE TABLE (?:IF NOT EXISTS )?TABLE_NAME", NEW),
    _rule(
        r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY .*?\bON (?:ONLY )?TABLE_NAME",
        SHARE_UPDATE_EXCLUSIVE,
        scans=True,
    ),
    _rule(r"CREATE (?:UNIQUE )?INDEX .*?\bON (?:ONLY )?TABLE_NAME", SHARE, scans=True),
    _rule(r"DROP TABLE (?:IF EXISTS )?TABLE_NAME", ACCESS_EXCLUSIVE),
    _rule(_CONSTRAINT + r"FOREIGN KEY\b.*\bNOT VALID$", SHARE_ROW_EXCLUSIVE),
    _rule(_CONSTRAINT + r"FOREIGN KEY\b", SHARE_ROW_EXCLUSIVE, scans=True),
    _rule(_CONSTRAINT + r"CHECK\b.*\bNOT VALID$", ACCESS_EXCLUSIVE),
    _rule(_CONSTRAINT + r"CHECK\b", ACCESS_EXCLUSIVE, scans=True),
    _rule(_CONSTRAINT + r"(?:UNIQUE|PRIMARY KEY) USING INDEX\b", ACCESS_EXCLUSIVE),
    _rule(_CONSTRAINT + r"(?:UNIQUE|PRIMARY KEY)\b", ACCESS_EXCLUSIVE, scans=True),
    _rule(_ALTER + r"VALIDATE CONSTRAINT\b", SHARE_UPDATE_EXCLUSIVE, scans=True),
    _rule(
        _ALTER + r"ADD (?:COLUMN )?.*\b(?:STORED|IDENTITY|BIGSERIAL|SERIAL)\b",
        ACCESS_EXCLUSIVE,
        rewrites=True,
        scans=True,
    ),
    _rule(_ALTER + rf"ADD (?:COLUMN )?[^,]*\bDEFAULT {_CONSTANT}(?: NOT NULL)?$", ACCESS_EXCLUSIVE),
    _rule(
        _ALTER + r"ADD (?:COLUMN )?.*\b(?:DEFAULT|REFERENCES|CHECK|UNIQUE|PRIMARY|GENERATED)\b",
        ACCESS_EXCLUSIVE,
        rewrites=None,
        scans=None,
    ),
    _rule(_ALTER + r"ADD (?:COLUMN )?[^,]*$", ACCESS_EXCLUSIVE),
    _rule(
        _ALTER + r"ALTER (?:COLUMN )?\"?\w+\"? (?:SET DATA )?TYPE\b",
        ACCESS_EXCLUSIVE,
        rewrites=None,
        scans=None,
    ),
    _rule(_ALTER + r"ALTER (?:COLUMN )?\"?\w+\"? SET NOT NULL$", ACCESS_EXCLUSIVE, scans=True),
    _rule(_ALTER + r"ALTER (?:COLUMN )?\"?\w+\"? SET STATISTICS\b", SHARE_UPDATE_EXCLUSIVE),
    _rule(
        _ALTER
        + r"ALTER (?:COLUMN )?\"?\w+\"? (?:DROP NOT NULL|SET DEFAULT|DROP DEFAULT|SET STORAGE)",
        ACCESS_EXCLUSIVE,
    ),
    _rule(_ALTER + r"(?:DROP|RENAME|ENABLE ROW|DISABLE ROW|FORCE ROW)\b", ACCESS_EXCLUSIVE),
    _rule(_ALTER, UNKNOWN, rewrites=None, scans=None),
    _rule(r"(?:CREATE|DROP|ALTER) POLICY .*?\bON TABLE_NAME", ACCESS_EXCLUSIVE),
    _rule(r"(?:GRANT|REVOKE) .*?\bON (?:TABLE )?TABLE_NAME", ACCESS_SHARE),
    _rule(r"COMMENT ON TABLE TABLE_NAME", SHARE_UPDATE_EXCLUSIVE),
    _rule(r"INSERT INTO TABLE_NAME", ROW_EXCLUSIVE),
    _rule(r"(?:UPDATE|DELETE FROM) (?:ONLY )?TABLE_NAME", ROW_EXCLUSIVE, scans=None),
)
_DROP_INDEX = re.compile(
    r'DROP INDEX (?P<slowly>CONCURRENTLY )?(?:IF EXISTS )?"?(?P<index>\w+)"?', re.IGNORECASE
)
_NAMES_NO_TABLE = re.compile(
    r"(?:CREATE|DROP) (?:EXTENSION|ROLE)\b|DO \$\$.*\bCREATE ROLE\b|DO \$\$.*\bGRANT \w+ TO CURRENT_USER\b",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCES = re.compile(r'\bREFERENCES "?(\w+)', re.IGNORECASE)
_SQLITE_TABLE = re.compile(
    r"(?:CREATE TABLE(?: IF NOT EXISTS)?|DROP TABLE|ALTER TABLE|INSERT INTO|UPDATE|DELETE FROM"
    r'|CREATE (?:UNIQUE )?INDEX .*?\bON) "?(?P<table>\w+)"?',
    re.IGNORECASE | re.DOTALL,
)


def effect(statement: str, dialect: str) -> Effect:
    """What a statement does; ``dialect`` is ``postgresql`` or ``sqlite``."""
    text = " ".join(statement.split())
    return _on_postgresql(text) if dialect == "postgresql" else _on_sqlite(text)


def dropped_index(statement: str) -> str | None:
    """The index that a statement drops; only the database knows of which table it is."""
    match = _DROP_INDEX.match(" ".join(statement.split()))
    return match["index"] if match else None


def _on_postgresql(text: str) -> Effect:
    dropped = _DROP_INDEX.match(text)
    if dropped:
        return Effect(None, SHARE_UPDATE_EXCLUSIVE if dropped["slowly"] else ACCESS_EXCLUSIVE)
    if _NAMES_NO_TABLE.match(text):
        return Effect(None, NONE)
    for rule in _POSTGRESQL:
        match = rule.pattern.match(text)
        if match:
            named = dict.fromkeys(_REFERENCES.findall(text))
            also = tuple(name for name in named if name != match["table"])
            return Effect(match["table"], rule.lock, rule.rewrites, rule.scans, also)
    return Effect(None, UNKNOWN, None, None)


def _on_sqlite(text: str) -> Effect:
    match = _SQLITE_TABLE.match(text)
    table = match["table"] if match else None
    if table and table.startswith("_alembic_tmp_"):  # how Alembic alters what SQLite cannot
        return Effect(table.removeprefix("_alembic_tmp_"), SQLITE_WRITE, rewrites=True, scans=True)
    is_known = match is not None or _DROP_INDEX.match(text) is not None
    scans = True if "INDEX" in text[:20].upper() else None
    is_new = text.upper().startswith("CREATE TABLE")
    return Effect(
        table,
        SQLITE_WRITE if is_known else UNKNOWN,
        rewrites=False if is_known else None,
        scans=False if is_new else scans,
    )
