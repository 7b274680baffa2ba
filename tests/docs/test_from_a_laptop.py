"""The way from a laptop to PostgreSQL, typed word for word as the page says, against a real server."""

from __future__ import annotations

import re
import shlex
import subprocess  # noqa: TID251 -- typed as a reader types it
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import make_url

from tests.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from tests.postgres.server import Server

PAGE = ROOT / "docs" / "howto" / "from-a-laptop-to-postgresql.md"
PATTERNS = ROOT / "docs" / "demo" / "patterns.ndjson"
HOST = "db.example.com"
VARYING = re.compile(r"[0-9a-f]{64}|(?<=size           )[\d,]+")
"""The times at which the patterns were learned are in them."""


def prepare(server: Server) -> None:
    """Type the statements of the page as the superuser."""
    (typed,) = blocks(PAGE, "sql")
    database = "postgres"
    for line in typed.splitlines():
        if line.startswith("\\connect "):
            database = line.split()[1]
            continue
        try:
            server.run(line, database=database)
        except psycopg.errors.DuplicateObject:
            assert "ROLE engramia_app " in line  # another memory of this server made it


def script() -> str:
    """The commands of the page, each after itself as it is printed there."""
    lines = "".join(blocks(PAGE, "console")).splitlines()
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return "\n".join(f"echo {shlex.quote(f'$ {line}')}\n{line}" for line in typed)


def test_every_command_of_the_page_answers_as_it_says(postgres: Server, tmp_path: Path) -> None:
    prepare(postgres)
    folder = make_url(postgres.url("engramia")).query["host"]
    texts = [line for text in blocks(PAGE, "text") for line in text.splitlines()]
    for name, url in zip(("owner.url", "api.url"), texts, strict=True):
        real = url.replace(f"@{HOST}/engramia", f"@/engramia?host={folder}")
        (tmp_path / name).write_text(f"{real}\n")
    environment = ["env", "-i", f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"]
    bash = [*environment, "bash", "-euc"]
    learn = f"engramia learn --batch {shlex.quote(str(PATTERNS))}"
    subprocess.run([*bash, learn], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [*bash, f"exec 2>&1\n{script()}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stdout.replace(str(tmp_path), "/srv/agent").replace(f"//{folder}", f"//{HOST}")
    assert VARYING.sub("…", said) == VARYING.sub("…", "".join(blocks(PAGE, "console")))
    assert done.returncode == 0
