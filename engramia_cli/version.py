"""Which version this is."""

from __future__ import annotations

from importlib.metadata import version


def version_line() -> str:
    """The line that ``--version`` prints."""
    return f"engramia {version('engramia')}\n"
