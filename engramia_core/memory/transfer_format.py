"""The transfer format: NDJSON with a header, a line for each pattern and each issue, and a footer with a checksum.

Times are ISO 8601 in UTC with microseconds; a vector is the base64 of its little-endian float32 numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pybase64

from engramia_core.errors import InvalidInput
from engramia_core.memory.feedback import Cluster, check_feedback
from engramia_core.memory.pattern import (
    MAX_RUN_ID_CHARS,
    Classification,
    Observation,
    Pattern,
    Source,
    check_key,
    check_score,
    check_skills,
    check_text,
    check_texts,
)
from engramia_core.memory.stored import EmbeddingModel, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engramia_core.memory.embedding import Vector

FORMAT = "engramia-export"
VERSION = 1
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what the file holds. The counts are as of the export's start."""

    schema: str
    model: EmbeddingModel | None
    with_vectors: bool
    patterns: int
    issues: int


@dataclass(frozen=True, slots=True)
class Footer:
    """The last line: how many lines of each kind came before it, and the SHA-256 of all of them."""

    patterns: int
    issues: int
    sha256: str


Line = Header | Record | Cluster | Footer


def header_line(header: Header) -> bytes:
    """The line of a header."""
    model = header.model
    return orjson.dumps(
        {
            "type": "header",
            "format": FORMAT,
            "version": VERSION,
            "schema": header.schema,
            "model": {"id": model.model_id, "dimensions": model.dimensions} if model else None,
            "with_vectors": header.with_vectors,
            "patterns": header.patterns,
            "issues": header.issues,
        },
        option=_OPTIONS,
    )


def record_line(record: Record) -> bytes:
    """The line of a pattern with its observations and, if it has one, its vector."""
    pattern = record.pattern
    fields: dict[str, Any] = {
        "type": "pattern",
        "key": pattern.key,
        "task": pattern.task,
        "code": pattern.code,
        "output": pattern.output,
        "success_score": pattern.success_score,
        "run_id": pattern.run_id,
        "source": pattern.source,
        "classification": pattern.classification,
        "skills": pattern.skills,
        "created_at": pattern.created_at,
        "updated_at": pattern.updated_at,
        "quality": pattern.quality,
        "survival": pattern.survival,
        "survival_set_at": pattern.survival_set_at,
        "prune_after": pattern.prune_after,
        "reuse_count": pattern.reuse_count,
        "observations": [
            {
                "at": seen.at,
                "score": seen.score,
                "source": seen.source,
                "run_id": seen.run_id,
                "feedback": seen.feedback,
            }
            for seen in record.observations
        ],
    }
    if record.vector is not None:
        encoded = pybase64.b64encode(record.vector.astype("<f4", order="C", copy=False).data)
        fields["vector"] = orjson.Fragment(b'"%b"' % encoded)
    return orjson.dumps(fields, option=_OPTIONS)


def cluster_line(cluster: Cluster) -> bytes:
    """The line of a feedback cluster."""
    return orjson.dumps(
        {
            "type": "issue",
            "id": cluster.cluster_id,
            "text": cluster.text,
            "occurrences": cluster.occurrences,
            "weight": cluster.weight,
            "weight_set_at": cluster.weight_set_at,
            "first_seen_at": cluster.first_seen_at,
        },
        option=_OPTIONS,
    )


def footer_line(footer: Footer) -> bytes:
    """The line of a footer."""
    return orjson.dumps(
        {
            "type": "footer",
            "patterns": footer.patterns,
            "issues": footer.issues,
            "sha256": footer.sha256,
        },
        option=_OPTIONS,
    )


def parse_line(line: bytes) -> Line:
    """What a line holds; ``InvalidInput`` says what is wrong with it."""
    try:
        fields = orjson.loads(line)
        return _PARSERS[fields["type"]](fields)
    except InvalidInput:
        raise
    except KeyError as error:
        raise InvalidInput(f"the field or type {error} is missing or unknown") from error
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a line of an export: {error}") from error


def check_vector(record: Record, header: Header) -> None:
    """``InvalidInput`` when a record's vector has not the length that the header names."""
    if record.vector is None:
        return
    wanted = header.model.dimensions if header.model else 0
    if len(record.vector) != wanted:
        raise InvalidInput(
            f"the vector has {len(record.vector)} dimensions; {wanted} were expected"
        )


def _header(fields: Mapping[str, Any]) -> Header:
    if (fields["format"], fields["version"]) != (FORMAT, VERSION):
        raise InvalidInput(
            f"format {fields['format']!r} version {fields['version']!r} is not {FORMAT!r} version {VERSION}"
        )
    model = fields["model"]
    return Header(
        schema=fields["schema"],
        model=EmbeddingModel(model["id"], int(model["dimensions"])) if model else None,
        with_vectors=fields["with_vectors"],
        patterns=fields["patterns"],
        issues=fields["issues"],
    )


def _record(fields: Mapping[str, Any]) -> Record:
    task, code, score = fields["task"], fields["code"], fields["success_score"]
    output, run_id = fields["output"], fields["run_id"]
    check_texts(task=task, code=code, output=output, run_id=run_id)
    pattern = Pattern(
        key=check_key(fields["key"]),
        task=task,
        code=code,
        output=output,
        success_score=None if score is None else check_score(score),
        run_id=run_id,
        source=_source(fields["source"]),
        classification=_classification(fields["classification"]),
        skills=check_skills(tuple(fields["skills"])),
        created_at=_time(fields["created_at"]),
        updated_at=_time(fields["updated_at"]),
        quality=None if fields["quality"] is None else check_score(fields["quality"]),
        survival=check_score(fields["survival"]),
        survival_set_at=_time(fields["survival_set_at"]),
        prune_after=_time(fields["prune_after"]),
        reuse_count=int(fields["reuse_count"]),
    )
    seen = tuple(map(_observation, fields["observations"]))
    encoded = fields.get("vector")
    return Record(pattern, seen, None if encoded is None else _vector(encoded))


def _observation(fields: Mapping[str, Any]) -> Observation:
    feedback, run_id = fields["feedback"], fields["run_id"]
    return Observation(
        at=_time(fields["at"]),
        score=check_score(fields["score"]),
        source=_source(fields["source"]),
        run_id=None if run_id is None else check_text("run id", run_id, max_chars=MAX_RUN_ID_CHARS),
        feedback=None if feedback is None else check_feedback(feedback),
    )


def _vector(encoded: str) -> Vector:
    vector = np.frombuffer(pybase64.b64decode(encoded, validate=True), dtype="<f4")
    if not math.isfinite(vector @ vector):
        raise InvalidInput("the vector holds a number that is not finite")
    return vector


def _cluster(fields: Mapping[str, Any]) -> Cluster:
    return Cluster(
        cluster_id=check_key(fields["id"]),
        text=check_feedback(fields["text"]),
        occurrences=int(fields["occurrences"]),
        weight=float(fields["weight"]),
        weight_set_at=_time(fields["weight_set_at"]),
        first_seen_at=_time(fields["first_seen_at"]),
    )


def _footer(fields: Mapping[str, Any]) -> Footer:
    return Footer(fields["patterns"], fields["issues"], fields["sha256"])


_source = lru_cache(Source)
_classification = lru_cache(Classification)


@lru_cache(maxsize=256)  # a pattern's times are mostly one
def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise InvalidInput(f"the time {text!r} has no time zone")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


_PARSERS: dict[str, Callable[[Mapping[str, Any]], Line]] = {
    "header": _header,
    "pattern": _record,
    "issue": _cluster,
    "footer": _footer,
}
