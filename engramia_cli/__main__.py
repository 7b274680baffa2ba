"""The ``engramia`` command. Help and version are answered before anything else is loaded."""

from __future__ import annotations

import gc
import os
import sys

from engramia_core.settings import is_completing

_COLLECT_AFTER = 50_000
"""New objects after which reference cycles are looked for: loading libraries makes many, and none to be freed."""


def main() -> None:
    """Run the command line of this process and exit."""
    _open_what_is_closed()
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # before the command line had begun
        sys.exit(130)
    finally:
        _give_up_on_stdout_that_fails()


def _run(arguments: list[str]) -> None:
    if arguments in ([], ["-h"], ["--help"]) and not is_completing():
        from engramia_cli.tree import help_page

        _answer(help_page())
    elif arguments == ["--version"]:
        from engramia_cli.version import version_line

        _answer(version_line())
    else:
        gc.set_threshold(_COLLECT_AFTER)
        from engramia_cli.app import app

        app(prog_name="engramia")


def _answer(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        sys.stderr.write(f"error: stdout cannot be written: {error.strerror}\n")
        sys.exit(5)


def _open_what_is_closed() -> None:
    """Python leaves a stream that the shell closed (``>&-``) as ``None``; then nobody wants to read it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        else:
            stream.reconfigure(errors="backslashreplace")


def _give_up_on_stdout_that_fails() -> None:
    """A full disk or a reader that left was told of already; at its end Python would try, and complain, again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
