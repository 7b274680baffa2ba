"""What only a process of its own can show: streams, signals, and what is imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess  # noqa: TID251 -- whole processes are what is tested
import sys
from typing import TYPE_CHECKING, Any

import pytest

from engramia_cli.tree import ENTRIES
from tests.cli.operator import ENGRAMIA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.operator import Operator

EMPTY = {"PATH": os.defpath, "ENGRAMIA_EMBEDDINGS": "none"}
LISTENING = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from engramia_cli.__main__ import main
main()
"""
"""Ctrl-C arrives even where the tests run in the background, which has it ignored."""
HEAVY = ("sqlalchemy", "numpy", "onnxruntime", "openai", "alembic", "rich", "tokenizers")


def run(*arguments: str, home: Path, env: dict[str, str] | None = None, **how: Any) -> Any:  # noqa: ANN401 -- a process
    """A finished ``engramia`` in ``home``, its streams captured unless ``how`` says otherwise."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.run(
        [*ENGRAMIA, *arguments], cwd=home, env=EMPTY | (env or {}), check=False, text=True,
        **(streams | how),
    )  # fmt: skip


def imported(home: Path, *arguments: str) -> set[str]:
    """The modules that ``engramia *arguments`` imports, down to the first dot."""
    done = run(*arguments, home=home, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",), ("--version",)])
def test_the_first_page_needs_no_library(arguments: tuple[str, ...], tmp_path: Path) -> None:
    found = imported(tmp_path, *arguments)
    assert found.isdisjoint({*HEAVY, "typer", "pydantic", "orjson"})
    assert "engramia_cli" in found


@pytest.mark.parametrize("command", [*ENTRIES, "patterns list", "aging undo"])
def test_a_help_page_needs_no_library_of_the_command(command: str, tmp_path: Path) -> None:
    found = imported(tmp_path, *command.split(), "--help")
    assert found.isdisjoint(HEAVY)
    assert "typer" in found


@pytest.mark.parametrize(
    ("words", "at", "offered"),
    [
        ("engramia pat", 1, {"patterns"}),
        ("engramia patterns ", 2, {"list", "show", "delete", "restore", "history"}),
        ("engramia recall --cl", 2, {"--classification"}),
        ("engramia recall --classification p", 3, {"public"}),
    ],
)
def test_a_shell_is_told_how_a_command_goes_on(
    words: str, at: int, offered: set[str], tmp_path: Path
) -> None:
    asked = {"_ENGRAMIA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    done = run(home=tmp_path, env=asked)
    assert set(done.stdout.split()) == offered


def test_an_export_is_piped_into_an_import(operator: Operator) -> None:
    home = operator.home
    assert run("--path", "other", "init", home=home).returncode == 0
    with subprocess.Popen(
        [*ENGRAMIA, "export"], cwd=home, env=EMPTY, stdout=subprocess.PIPE
    ) as exporting:
        imported_ = run("--path", "other", "import", "-", home=home, stdin=exporting.stdout)
    assert (exporting.returncode, imported_.returncode) == (0, 0)
    there, here = run("--path", "other", "export", home=home), run("export", home=home)
    headless = [text.stdout.partition("\n")[2] for text in (there, here)]
    assert headless[0].splitlines()[:-1] == headless[1].splitlines()[:-1] != []


@pytest.mark.parametrize("arguments", [("export",), ("patterns", "list"), ("recall", "--help")])
def test_a_reader_that_left_is_no_error_to_tell(
    arguments: tuple[str, ...], operator: Operator
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*arguments, home=operator.home, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk here")  # noqa: PTH110 -- evaluated at import
@pytest.mark.parametrize("arguments", [("export",), ("status",), ("--help",)])
def test_a_full_disk_is_told(arguments: tuple[str, ...], operator: Operator) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 -- a device
        done = run(*arguments, home=operator.home, stdout=full)
    assert (done.returncode, done.stderr) == (
        5,
        "error: stdout cannot be written: No space left on device\n",
    )


def with_streams(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """``engramia`` and ``line``, which closes streams as a shell does."""
    program = ["/bin/sh", "-c", f'exec "$0" -m engramia_cli {line}', sys.executable]
    return subprocess.run(program, cwd=home, env=EMPTY, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_bug(closed: str, operator: Operator) -> None:
    done = with_streams(f"status {closed}", operator.home)
    assert (done.returncode, done.stderr) == (0, "")


def test_stdin_that_is_closed_is_told(tmp_path: Path) -> None:
    done = with_streams("learn task --code - --score 5 <&-", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: stdin is closed, so that - cannot be read\n"


def test_an_encoding_without_our_signs_is_no_bug(operator: Operator) -> None:
    done = run("recall", "parse", "--all", home=operator.home, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "quality 9.0 \\xb7 similarity" in done.stdout


def test_ctrl_c_in_a_batch_says_what_is_stored(operator: Operator) -> None:
    line = json.dumps({"task": "Rotate a log file", "code": "x" * 450_000}) + "\n"
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, "learn", "--batch", "-"], cwd=operator.home, env=EMPTY, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as learning:  # fmt: skip
        assert learning.stdin is not None
        for _ in range(40):  # more than the pipe and the first transaction hold
            learning.stdin.write(line)
        learning.stdin.flush()
        learning.send_signal(signal.SIGINT)
        said, remarks = learning.communicate()
    assert (learning.returncode, said) == (130, "")
    assert remarks.splitlines()[0].endswith("lines held is stored and known next time")
    assert remarks.splitlines()[1:] == ["interrupted"]
