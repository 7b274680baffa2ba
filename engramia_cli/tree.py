"""The command tree, a line a command: what it is called, where it lives, what it is for.

Plain data, so that the first help page needs none of the libraries behind the commands.
"""

from __future__ import annotations

from typing import NamedTuple

from engramia_cli.help import COMMON, section


class Entry(NamedTuple):
    """One command: ``module`` is below ``engramia_cli.commands`` and holds its application."""

    name: str
    module: str
    summary: str
    attribute: str = "app"


MEMORY = (
    Entry("init", "init", "Make a memory, or bring an old one to this version's schema."),
    Entry("learn", "learn", "Remember what worked: a task, its code, its score."),
    Entry("recall", "recall", "Find what is worth reusing for a task."),
    Entry("patterns", "patterns", "List, show, delete and restore patterns."),
    Entry("refine", "refine", "Say how good a pattern turned out; it moves the ranking."),
    Entry("reuse", "reuse", "Say that a pattern was used; it survives longer."),
    Entry("feedback", "feedback", "Show the issues that keep coming up, for a prompt."),
)
UPKEEP = (
    Entry("aging", "aging", "Forget what has faded; it can be undone for 30 days."),
    Entry("decay", "decay", "Forget feedback that nobody has repeated."),
    Entry("export", "transfer", "Write the memory as NDJSON.", "export"),
    Entry("import", "transfer", "Bring an export in.", "import_"),
    Entry("copy", "copy", "Copy the memory into another storage, whole."),
    Entry(
        "reindex", "reindex", "Change the embedding model under use, or embed again after a repair."
    ),
)
OPERATION = (
    Entry("migrate", "migrate", "Bring the schema up, or take it down, without an outage."),
    Entry("status", "status", "Show what the memory holds."),
    Entry("tenants", "tenants", "List, make and delete tenants."),
    Entry("projects", "projects", "List, make and delete the projects of a tenant."),
    Entry("audit", "audit", "Read the audit trail, and find out whether it was changed."),
    Entry("keys", "keys", "Make, rotate and revoke access keys."),
    Entry("config", "config", "Show every setting and where it came from."),
    Entry("db", "db", "Inspect the database, build its indexes, give back its space."),
    Entry("doctor", "doctor", "Look for what is wrong, and say how to mend it."),
)
GROUPS = (("Memory", MEMORY), ("Upkeep", UPKEEP), ("Operation", OPERATION))
ENTRIES = {entry.name: entry for _, entries in GROUPS for entry in entries}

_INSTEAD = (
    ("--version", "Show the version."),
    ("--install-completion", "Install completion for this shell."),
    ("--show-completion", "Print it, to install it yourself."),
    ("-h, --help", "Show this page; engramia COMMAND --help shows a command's."),
)

_EXAMPLES = """\
  engramia learn "Parse a CSV export" --code parse.py --score 9
  engramia recall "Read numbers out of a spreadsheet dump\""""


def help_page() -> str:
    """The first page of help."""
    parts = [
        "Usage: engramia [OPTIONS] COMMAND [ARGUMENTS]",
        "  The memory of what worked: learn it, recall it, let it age, put it back.",
        _EXAMPLES,
        *(section(title, [(e.name, e.summary) for e in entries]) for title, entries in GROUPS),
        section("Options, before or after the command", COMMON),
        section("Options instead of a command", _INSTEAD),
    ]
    return "\n\n".join(parts) + "\n"
