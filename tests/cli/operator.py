"""Somebody at a shell: types commands in a directory, and looks at what came of them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from engramia_cli.app import app
from engramia_cli.context import CliContext
from engramia_core.installation import open_memory, provider
from engramia_core.settings import load_settings
from engramia_core.testing.builders import days
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from engramia_core.library import Memory
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.settings import Settings


@dataclass(frozen=True)
class Answer:
    """What a command wrote, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int

    @property
    def json(self) -> Any:  # noqa: ANN401 -- whatever was answered
        """The one document on stdout."""
        return json.loads(self.stdout)


@dataclass
class Operator:
    """Works in ``home`` on the first day after the memory was made, with embeddings of hashed words."""

    home: Path
    now: datetime = field(default_factory=lambda: days(1))
    environment: dict[str, str] = field(default_factory=dict)
    embeddings: EmbeddingProvider = field(default_factory=HashEmbeddings)
    others: dict[str, EmbeddingProvider] = field(default_factory=dict)
    """Providers by the names that choose them."""
    columns: int = 100
    migrations: Path | None = None
    looked_into: list[Memory] = field(default_factory=list)

    def types(self, *arguments: str, stdin: bytes | str = b"") -> Answer:
        """The answer to ``engramia *arguments``; an exception that nobody caught is raised."""
        runner = CliRunner(env={"COLUMNS": str(self.columns), "NO_COLOR": "1"})
        context = CliContext(
            environment=self.environment,
            provider_of=self._provider,
            clock=lambda: self.now,
            migrations=self.migrations,
        )
        result = runner.invoke(app, arguments, stdin, obj=context, prog_name="engramia")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.stdout, result.stderr, result.exit_code)

    def done(self, *arguments: str, stdin: bytes | str = b"") -> str:
        """The stdout of a command that must succeed without a remark."""
        answer = self.types(*arguments, stdin=stdin)
        assert (answer.exit_code, answer.stderr) == (0, "")
        return answer.stdout

    def refused(self, *arguments: str, stdin: bytes | str = b"") -> tuple[int, str]:
        """The exit code and the stderr of a command that must fail without a result."""
        answer = self.types(*arguments, stdin=stdin)
        assert answer.stdout == ""
        assert answer.exit_code != 0
        return answer.exit_code, answer.stderr

    def json(self, *arguments: str, stdin: bytes | str = b"") -> Any:  # noqa: ANN401 -- whatever was answered
        """The document that a command answers with ``--output json``."""
        return json.loads(self.done(*arguments, "--output", "json", stdin=stdin))

    def memory(self, path: str = "engramia_data") -> Memory:
        """The memory as it lies on disk; the fixture closes it."""
        settings = load_settings({"path": str(self.home / path)}, environment={})
        memory = open_memory(settings, provider_of=self._provider, clock=lambda: self.now)
        self.looked_into.append(memory)
        return memory

    def files(self) -> set[str]:
        """The names in the directory."""
        return {path.name for path in self.home.iterdir()}

    def _provider(self, settings: Settings) -> EmbeddingProvider | None:
        named = self.others | {"minilm": self.embeddings}
        return named.get(settings["embeddings"]) or provider(settings)


ENGRAMIA = (sys.executable, "-m", "engramia_cli")
"""The command of a process of its own."""
