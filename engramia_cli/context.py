"""What a command has at hand: the options given so far, and the memory, opened when it is first asked for."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from engramia_core.audit import Actor
    from engramia_core.database.database import Database
    from engramia_core.database.scripts import Scripts
    from engramia_core.library import Memory
    from engramia_core.maintenance.checks import Subject
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.migration.target import MigrationTarget
    from engramia_core.scope import Scope
    from engramia_core.settings import Settings
    from engramia_core.stores import Server

_WHERE = ("path", "tenant", "project", "embeddings")
"""The flags that the next command needs too, to be about the same memory."""
_MAX_REASON_CHARS = 1_000


@dataclass(frozen=True)
class CliContext:
    """Made at the root of the command line; a test passes its own environment, embeddings and clock."""

    flags: Mapping[str, str] = field(default_factory=dict)
    output: str = "table"
    reason: str = ""
    environment: Mapping[str, str] | None = None
    provider_of: Callable[[Settings], EmbeddingProvider | None] | None = None
    clock: Callable[[], datetime] | None = None
    migrations: Path | None = None

    def with_options(self, options: Mapping[str, str | None]) -> CliContext:
        """This context with the options of one more level of the command line over it."""
        given = {name: value for name, value in options.items() if value is not None}
        output = given.pop("output", self.output)
        reason = given.pop("reason", self.reason)
        return replace(self, flags={**self.flags, **given}, output=output, reason=reason)

    @cached_property
    def settings(self) -> Settings:
        """The settings under the options given."""
        from engramia_core.settings import load_settings

        return load_settings(self.flags, environment=self.environment)

    @property
    def is_json(self) -> bool:
        """Whether a program reads the answer."""
        return self.output == "json"

    @property
    def directory(self) -> Path:
        """Where the memory lies."""
        from engramia_core import installation

        return installation.directory(self.settings)

    @property
    def scope(self) -> Scope:
        """Whose memory is meant; ``InvalidInput`` for a name that cannot be."""
        from engramia_core import installation

        return installation.scope(self.settings)

    @cached_property
    def memory(self) -> Memory:
        """The memory that the settings name; ``NotFound`` when there is none."""
        return self._open(create=False)

    def provider(self, name: str) -> EmbeddingProvider | None:
        """The embedding provider of that name, whatever the settings choose."""
        from engramia_core import installation

        return (self.provider_of or installation.provider)(self.settings.but("embeddings", name))

    @cached_property
    def actor(self) -> Actor:
        """Who types, and why, for the audit trail."""
        from engramia_core.audit import Actor, Via
        from engramia_core.library import this_user
        from engramia_core.memory.pattern import check_text

        reason = check_text("reason", self.reason, max_chars=_MAX_REASON_CHARS)
        return Actor(this_user(), Via.CLI, reason)

    @cached_property
    def database(self) -> Database:
        """The database that the settings name: keys, audit trail, tenants."""
        from engramia_core import installation

        return installation.open_database(self.settings)

    @property
    def server(self) -> Server | None:
        """The database server that the settings name; ``None`` for a memory in a directory."""
        from engramia_core import installation

        return installation.server(self.settings)

    def has_trail(self) -> bool:
        """Whether there is an audit trail where the settings point; a memory of files has none."""
        from engramia_core import installation

        return installation.has_database(self.settings)

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        from engramia_core.library import utc_now

        return (self.clock or utc_now)()

    @cached_property
    def migration_target(self) -> MigrationTarget:
        """The database that the settings name, of whatever revision, to be migrated."""
        from engramia_core import installation

        return installation.migration_target(self.settings)

    @cached_property
    def scripts(self) -> Scripts:
        """The revisions that this version knows, or a test's own."""
        from engramia_core.database.scripts import Scripts

        return Scripts(self.migrations)

    def has_memory(self) -> bool:
        """Whether there is a memory, of whatever schema, where the settings point."""
        from engramia_core import installation

        return installation.has_memory(self.settings)

    def make_memory(self) -> None:
        """Make the memory that the settings name, or bring it to this version's schema."""
        self._open(create=True).close()

    def subject(self) -> Subject:
        """What the doctor examines."""
        from engramia_core import installation

        return installation.subject(
            self.settings, provider_of=self.provider_of or installation.provider
        )

    def close(self) -> None:
        """Close what was opened."""
        for opened in ("memory", "database", "migration_target"):
            if opened in self.__dict__:
                self.__dict__[opened].close()

    def typed(self, text: str) -> str:
        """``text`` with the flags of this command line in each command it names, ready to be typed."""
        flags = [
            f"--{name} {shlex.quote(self.flags[name])} "
            for name in _WHERE
            if self.flags.get(name, "none") != "none" and f"--{name}" not in text
        ]
        return re.sub(r"\bengramia (?=[a-z])", lambda _: f"engramia {''.join(flags)}", text)

    def _open(self, *, create: bool) -> Memory:
        from engramia_core import installation
        from engramia_core.library import utc_now
        from engramia_core.memory.pattern import Source

        return installation.open_memory(
            self.settings,
            create=create,
            source=Source.CLI,
            actor=self.actor,
            provider_of=self.provider_of or installation.provider,
            clock=self.clock or utc_now,
        )
