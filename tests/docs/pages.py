"""The documents as the tests read them: their blocks of code, links and headings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(engramia [^`]+)`")
_COMMAND_ENDS = frozenset({"|", "||", "&&", ";", "&", "(", ")", "<", ">", ">>"})


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    return [
        code for language, code in _BLOCK.findall(page.read_text("utf-8")) if language in languages
    ]


def prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text("utf-8"))


def commands(page: Path) -> list[list[str]]:
    """The arguments of every ``engramia`` that a reader is told to type."""
    typed = [line.removeprefix("$ ") for line in _typed_lines(page) if "engramia" in line]
    return [found for line in (*typed, *_INLINE.findall(prose(page))) for found in _calls(line)]


def links(page: Path) -> list[str]:
    """Where the relative links lead."""
    return [link for link in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The names of the headings, as a link ends with them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def _typed_lines(page: Path) -> Iterator[str]:
    for block in blocks(page, "console"):
        yield from (line for line in block.splitlines() if line.startswith("$ "))
    for block in blocks(page, "sh"):
        yield from block.splitlines()
    for block in blocks(page, "text"):
        yield from (line for line in block.splitlines() if "bin/engramia" in line)


def _calls(line: str) -> Iterator[list[str]]:
    """What follows the word ``engramia`` in each command of a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    arguments: list[str] | None = None
    for word in [*lexer, ";"]:
        if word in _COMMAND_ENDS:
            if arguments is not None:
                yield arguments
            arguments = None
        elif arguments is not None:
            arguments.append(word)
        elif word.rpartition("/")[2] == "engramia":
            arguments = []
