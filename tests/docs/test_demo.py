"""The demo runs from end to end and finds what it asks for."""

import subprocess  # noqa: TID251 -- the demo is run as a user runs it
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

EXPECTED = (
    "Retry a flaky network call with exponential backoff, full jitter and a maximum attempt count",
    "Build a changelog section from conventional commit messages, grouped by type of change",
    "Redact bearer tokens, API keys and passwords from log lines before shipping them",
    "List everyone who reports to a manager, directly or indirectly, with a recursive SQL query",
    "Suggest the closest known command for a misspelled word using edit distance",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of the demo, run with another memory in the environment, which it must not touch."""
    place = tmp_path_factory.mktemp("demo")
    other = place / "other"
    environment = [
        f"PATH={Path(sys.executable).parent}:/usr/bin:/bin",
        f"TMPDIR={place}",
        f"ENGRAMIA_DATA_PATH={other}",
        "ENGRAMIA_STORAGE=json",
        "ENGRAMIA_EMBEDDINGS=none",
    ]
    run = subprocess.run(
        ["env", "-i", *environment, "sh", str(ROOT / "docs" / "demo" / "demo.sh")],  # noqa: S607
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert not other.exists()
    return run.stdout.splitlines()


def test_every_query_of_the_demo_recalls_its_pattern(demo: list[str]) -> None:
    asked = [number for number, line in enumerate(demo) if line.startswith("$ engramia recall")]
    queries = (ROOT / "docs" / "demo" / "queries.txt").read_text("utf-8").splitlines()
    assert [demo[number].split('"')[1] for number in asked] == queries
    for number, task in zip(asked, EXPECTED, strict=True):
        assert demo[number + 1].endswith(task)


def test_the_demo_goes_through_the_whole_job(demo: list[str]) -> None:
    typed = [line.split()[2] for line in demo if line.startswith("$ engramia")]
    assert list(dict.fromkeys(typed)) == [
        "init", "learn", "recall", "refine", "patterns", "aging", "export", "status",
    ]  # fmt: skip
    assert "64 learned" in demo


def test_the_demo_ends_with_what_to_type_next(demo: list[str]) -> None:
    last = demo[demo.index("Next, in this shell:") :]
    assert any(line.strip().startswith("engramia recall") for line in last)
