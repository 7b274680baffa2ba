"""A file that is not to the byte what was exported is refused before anything is written."""

from __future__ import annotations

import hashlib
from io import BytesIO

import orjson
import pytest

from engramia_core.errors import InvalidInput
from engramia_core.memory.feedback import add_feedback
from engramia_core.memory.pattern import Draft
from engramia_core.memory.transfer import Importer, export
from engramia_core.memory.transfer_reader import verify
from engramia_core.testing.builders import START
from engramia_core.testing.memory_store import MemoryStore
from tests.unit.steps import SCOPE, embedder, learned


def small_export(*, with_vectors: bool = False) -> bytes:
    store = MemoryStore()
    for task in ("sort a list", "parse a date 🚀"):
        learned(store, Draft(task, "x", 8.0, run_id="run-1"))
    with store.write(SCOPE) as writer:
        add_feedback(writer, "too slow", START)
        add_feedback(writer, "no comments", START)
    return b"".join(export(store, SCOPE, with_vectors=with_vectors))


CONTENT = small_export()
OBSERVATION = orjson.loads(CONTENT.splitlines()[1])["observations"][0]
LINES = CONTENT.splitlines(keepends=True)


def refused(content: bytes) -> InvalidInput:
    """The error of an import, that left an empty memory empty."""
    store = MemoryStore()
    with pytest.raises(InvalidInput) as caught:
        Importer(store, embedder(store), SCOPE, now=START).run(BytesIO(content))
    counts = store.counts(SCOPE)
    assert (counts.live, counts.clusters, store.model(SCOPE)) == (0, 0, None)
    return caught.value


def sealed(*lines: dict[str, object]) -> bytes:
    """Lines with a footer that fits, as no export would write them."""
    content = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    kinds = [line["type"] for line in lines]
    footer = {
        "type": "footer",
        "patterns": kinds.count("pattern"),
        "issues": kinds.count("issue"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return content + orjson.dumps(footer) + b"\n"


def test_the_file_itself_is_accepted() -> None:
    header, sha256 = verify(BytesIO(CONTENT))
    assert header.patterns == 2
    assert sha256 in CONTENT.splitlines()[-1].decode()


def test_a_file_cut_off_at_any_byte_is_refused() -> None:
    for end in range(len(CONTENT)):
        error = refused(CONTENT[:end])
        assert "nothing was imported" in (error.hint or "") or error.message


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_file_with_any_byte_altered_is_refused(mask: int) -> None:
    for place in range(len(CONTENT)):
        altered = bytearray(CONTENT)
        altered[place] ^= mask
        refused(bytes(altered))


@pytest.mark.parametrize("byte", [b"\t", b" ", b"\r", b""])
def test_a_file_whose_last_line_ends_otherwise_is_refused(byte: bytes) -> None:
    assert "altered" in refused(CONTENT[:-1] + byte).message


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_file_without_one_of_its_lines_is_refused(number: int) -> None:
    refused(b"".join(LINES[:number] + LINES[number + 1 :]))


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_file_with_a_line_twice_is_refused(number: int) -> None:
    refused(b"".join(LINES[: number + 1] + LINES[number:]))


@pytest.mark.parametrize("number", range(len(LINES) - 1))
def test_a_file_with_two_lines_swapped_is_refused(number: int) -> None:
    one, other = LINES[number : number + 2]
    refused(b"".join([*LINES[:number], other, one, *LINES[number + 2 :]]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (LINES[0], "cut off after 0 of about 2 patterns"),
        (b"".join(LINES[:2]), "cut off after 1 of about 2 patterns"),
        (b"".join(LINES[1:]), "line 1: the header must be the first line"),
        (LINES[0] + CONTENT, "line 2: the header must be the first line and only there"),
        (CONTENT + b"\n", "line 7: not a line of an export"),
        (CONTENT + LINES[1], "line 7 comes after the footer"),
        (CONTENT + CONTENT, "line 7 comes after the footer"),
        (b"\xef\xbb\xbf" + CONTENT, "line 1: not a line of an export"),
        (CONTENT.replace(b"\n", b"\r\n"), "altered"),
        (b"[]\n", "line 1: not a line of an export"),
        (b"7\n", "line 1: not a line of an export"),
        (b"{}\n", "line 1: the field or type 'type' is missing"),
        (b'{"type":"pie"}\n', "line 1: the field or type 'pie' is missing or unknown"),
        (b'{"type":[]}\n', "line 1: not a line of an export"),
        (LINES[0].replace(b'"version":1', b'"version":2'), "version 2 is not"),
    ],
)
def test_a_file_that_is_no_export_is_refused_by_what_is_wrong(content: bytes, said: str) -> None:
    assert said in refused(content).message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "../../x"}, "'../../x' cannot be a pattern's key"),
        ({"task": ""}, "task has 0 characters"),
        ({"task": "a\x00"}, "NUL"),
        ({"task": 7}, "not a line of an export"),
        ({"code": None}, "not a line of an export"),
        ({"code": []}, "not a line of an export"),
        ({"quality": 11}, "score 11 is not"),
        ({"success_score": "8"}, "not a line of an export"),
        ({"survival": -1}, "score -1 is not"),
        ({"created_at": "yesterday"}, "not a line of an export"),
        ({"created_at": "2026-01-02T03:04:05"}, "has no time zone"),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, "not a line of an export"),
        ({"source": "mail"}, "not a line of an export"),
        ({"skills": ["a,b"]}, "skill 'a,b'"),
        ({"skills": None}, "not a line of an export"),
        ({"observations": [{}]}, "'feedback' is missing"),
        ({"observations": [OBSERVATION | {"run_id": {}}]}, "not a line of an export"),
        ({"observations": [OBSERVATION | {"run_id": "\x00"}]}, "run id holds a NUL"),
        ({"observations": [OBSERVATION | {"feedback": ""}]}, "feedback has 0 characters"),
        ({"vector": "!"}, "not a line of an export"),
        ({"vector": "AAAA"}, "not a line of an export"),
        ({"vector": "AADAfw=="}, "not finite"),
        ({"vector": "AACAPw=="}, "the vector has 1 dimensions; 64 were expected"),
    ],
)
def test_a_well_sealed_file_with_a_wrong_value_is_refused_by_its_line(
    changes: dict[str, object], said: str
) -> None:
    header, record = (orjson.loads(line) for line in LINES[:2])
    error = refused(sealed(header, record | changes))
    assert error.message.startswith("line 2: ")
    assert said in error.message
