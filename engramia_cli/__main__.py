"""The ``engramia`` command. Help and version are answered before anything else is loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit."""
    arguments = sys.argv[1:]
    if arguments in ([], ["-h"], ["--help"]):
        from engramia_cli.tree import help_page

        sys.stdout.write(help_page())
    elif arguments == ["--version"]:
        from engramia_cli.version import version_line

        sys.stdout.write(version_line())
    else:
        from engramia_cli.app import app

        app(prog_name="engramia")


if __name__ == "__main__":
    main()
