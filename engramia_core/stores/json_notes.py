"""The small files beside the patterns: the memory's own, feedback, runs of aging, and what was purged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput
from engramia_core.memory.feedback import Cluster, check_feedback
from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event
from engramia_core.stores.json_fields import Fields, decode, encode, time_text, whole
from engramia_core.stores.json_pattern import events_value, read_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMORY_FILE = "engramia.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """What makes a directory a memory: its marker, and the embedding model of each scope by its name."""

    models: Mapping[str, EmbeddingModel]


def encode_memory(memory: MemoryFile) -> bytes:
    """The memory's file."""
    models = {
        scope: {"model_id": model.model_id, "dimensions": model.dimensions}
        for scope, model in memory.models.items()
    }
    return encode({"engramia": "memory", "format": FORMAT, "models": models})


def decode_memory(content: bytes) -> MemoryFile:
    """What the memory's file says; ``InvalidInput`` when it is none, or of a newer format."""
    return whole(Fields(decode(content)), _memory)


def _memory(fields: Fields) -> MemoryFile:
    if fields.text("engramia") != "memory":
        raise InvalidInput("this is no memory of Engramia")
    version = fields.count("format")
    if version != FORMAT:
        raise InvalidInput(f"format {version} is not known, only {FORMAT}", hint="upgrade engramia")
    models = Fields(fields.take("models"), "models")
    return MemoryFile({scope: models.object(scope, _model) for scope in models.names()})


def _model(fields: Fields) -> EmbeddingModel:
    model = EmbeddingModel(fields.text("model_id", min_chars=1), fields.count("dimensions"))
    if not model.dimensions:
        raise InvalidInput("dimensions is 0")
    return model


def encode_clusters(clusters: Iterable[Cluster]) -> bytes:
    """The feedback of a scope, by id."""
    return encode(
        [
            {
                "cluster_id": cluster.cluster_id,
                "text": cluster.text,
                "occurrences": cluster.occurrences,
                "weight": cluster.weight,
                "weight_set_at": time_text(cluster.weight_set_at),
                "first_seen_at": time_text(cluster.first_seen_at),
            }
            for cluster in sorted(clusters, key=lambda cluster: cluster.cluster_id)
        ]
    )


def decode_clusters(content: bytes) -> dict[str, Cluster]:
    """The feedback of a scope; ``InvalidInput`` says what is wrong."""
    return {cluster.cluster_id: cluster for cluster in _items(content).objects("items", _cluster)}


def _cluster(fields: Fields) -> Cluster:
    return Cluster(
        fields.text("cluster_id", min_chars=1),
        check_feedback(fields.text("text")),
        fields.count("occurrences"),
        fields.number("weight"),
        fields.time("weight_set_at"),
        fields.time("first_seen_at"),
    )


def encode_runs(runs: Iterable[AgingRun]) -> bytes:
    """The runs of aging of a scope, oldest first."""
    return encode(
        [
            {"run": run.run, "at": time_text(run.at), "pruned": run.pruned, "purged": run.purged}
            for run in sorted(runs, key=lambda run: run.at)
        ]
    )


def decode_runs(content: bytes) -> tuple[AgingRun, ...]:
    """The runs of aging of a scope; ``InvalidInput`` says what is wrong."""
    return _items(content).objects("items", _run)


def _run(fields: Fields) -> AgingRun:
    return AgingRun(
        fields.text("run"), fields.time("at"), fields.count("pruned"), fields.count("purged")
    )


def encode_purged(histories: Mapping[str, Iterable[Event]]) -> bytes:
    """What happened to the patterns that are gone, by key."""
    return encode({key: events_value(events) for key, events in histories.items()})


def decode_purged(content: bytes) -> dict[str, tuple[Event, ...]]:
    """What happened to the patterns that are gone; ``InvalidInput`` says what is wrong."""
    fields = Fields(decode(content))
    return {key: fields.objects(key, read_event) for key in fields.names()}


def _items(content: bytes) -> Fields:
    return Fields({"items": decode(content)})
