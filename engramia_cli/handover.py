"""How a secret reaches its person: once, alone on stdout, or in a new file that nobody else may read."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engramia_cli.output import note, write, write_json
from engramia_cli.reports import HandedOver
from engramia_core.errors import Incomplete, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.keys.key import NewSecret

SecretFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Write the secret to this new file (mode 0600) instead of to stdout."
    ),
]

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret goes: an open file, or stdout."""

    path: Path | None = None
    descriptor: int = -1

    def hand_over(self, ctx: Any, new: NewSecret, said: str) -> None:  # noqa: ANN401 -- Typer's own context
        """Write the secret; ``said``, which tells whose it is, goes to stderr, before it.

        With a file, stdout has the id of the key. As JSON, stdout has one document with all of it.
        """
        if self.path is not None:
            self._write(new)
        if ctx.obj.is_json:
            shown = None if self.path else new.secret
            file = str(self.path) if self.path else None
            write_json(HandedOver(new.key, shown, file))
            return
        note(f"note: {said}")
        if self.path is not None:
            note(f"note: its secret is in {self.path}")
            write(new.key.key_id)
        else:
            note("note: its secret is shown this once:")
            write(new.secret)

    def _write(self, new: NewSecret) -> None:
        try:
            os.write(self.descriptor, f"{new.secret}\n".encode())
            os.fsync(self.descriptor)
        except OSError as error:
            raise Incomplete(
                f"{str(self.path)!r} cannot be written: {error.strerror};"
                f" key {new.key.key_id} has a secret that nobody knows",
                hint=f"engramia keys rotate {new.key.key_id} --now",
            ) from error


@contextmanager
def secret_place(name: str | None) -> Iterator[SecretPlace]:
    """Where the secret of the block goes. A file is made before the secret is, and gone again if the block fails.

    ``Refused`` for a file that exists, a link included.
    """
    if name is None:
        yield SecretPlace()
        return
    path = Path(name)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        raise Refused(f"{name!r} exists already", hint="name a new file") from None
    except OSError as error:
        raise Unavailable(f"{name!r} cannot be made: {error.strerror}") from error
    try:
        yield SecretPlace(path, descriptor)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
