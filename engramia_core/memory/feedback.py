"""What is said about patterns, gathered into recurring issues that fade when nobody repeats them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engramia_core.memory.aging import CLUSTER_PER_WEEK, FORGET_BELOW, faded
from engramia_core.memory.pattern import MAX_FEEDBACK_CHARS, check_text
from engramia_core.memory.words import jaccard, words_of
from engramia_core.sortable import new_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engramia_core.memory.store import PatternStore, StoreWriter
    from engramia_core.scope import Scope

SHOWN_FROM = 2
"""An issue that was named once only is not a recurring one."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Feedback that tells of one issue. ``weight`` was true at ``weight_set_at`` and loses 10 % a week."""

    cluster_id: str
    text: str
    """The feedback that opened the cluster; others are compared with it."""
    occurrences: int
    weight: float
    weight_set_at: datetime
    first_seen_at: datetime

    def weight_at(self, now: datetime) -> float:
        """The weight as it stands at ``now``."""
        return faded(self.weight, self.weight_set_at, now, per_week=CLUSTER_PER_WEEK)


@dataclass(frozen=True, slots=True)
class Issue:
    """A recurring issue, ready for a prompt."""

    text: str
    occurrences: int
    weight: float
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class DecayReport:
    """What a run of feedback decay did, or with ``planned`` would do."""

    planned: bool
    faded: tuple[Issue, ...]
    kept: int


def check_feedback(text: str) -> str:
    """``text``, or ``InvalidInput``: 1 to 2,000 characters."""
    return check_text("feedback", text, max_chars=MAX_FEEDBACK_CHARS, min_chars=1)


def gather(text: str, alike: Sequence[Cluster], now: datetime) -> Cluster:
    """The cluster that ``text`` belongs to, with it counted in: the most alike of ``alike``, or a new one.

    Clusters that have faded count as forgotten, whether a run of decay came by already or not.
    """
    words = words_of(text)
    known = [cluster for cluster in alike if not _is_faded(cluster, now)]
    if not known:
        return Cluster(new_key(now), text, 1, 1.0, now, now)
    best = max(known, key=lambda c: (jaccard(words, words_of(c.text)), c.weight_at(now)))
    return replace(
        best, occurrences=best.occurrences + 1, weight=best.weight_at(now) + 1.0, weight_set_at=now
    )


def add_feedback(writer: StoreWriter, text: str, now: datetime) -> None:
    """Count ``text`` into its cluster."""
    alike = writer.clusters_alike(words_of(text))
    writer.put_clusters([gather(text, alike, now)])


def recurring_issues(
    store: PatternStore, scope: Scope, *, now: datetime, limit: int = 5
) -> tuple[Issue, ...]:
    """The issues named at least twice that have not faded, heaviest first."""
    issues = [
        _issue(cluster, now)
        for cluster in store.clusters(scope)
        if cluster.occurrences >= SHOWN_FROM and not _is_faded(cluster, now)
    ]
    issues.sort(key=lambda issue: (-issue.weight, issue.text))
    return tuple(issues[:limit])


def decay_feedback(
    store: PatternStore, scope: Scope, *, now: datetime, plan: bool = False
) -> DecayReport:
    """Remove the clusters that have faded below 0.1; the weights of the others need no writing."""
    if plan:
        return _decay_report(store.clusters(scope), now, planned=True)
    with store.write(scope) as writer:
        clusters = store.clusters(scope)
        writer.remove_clusters([c.cluster_id for c in clusters if _is_faded(c, now)])
    return _decay_report(clusters, now, planned=False)


def _is_faded(cluster: Cluster, now: datetime) -> bool:
    return cluster.weight_at(now) < FORGET_BELOW


def _issue(cluster: Cluster, now: datetime) -> Issue:
    return Issue(cluster.text, cluster.occurrences, cluster.weight_at(now), cluster.weight_set_at)


def _decay_report(clusters: Sequence[Cluster], now: datetime, *, planned: bool) -> DecayReport:
    faded_out = tuple(_issue(c, now) for c in clusters if _is_faded(c, now))
    return DecayReport(planned, faded_out, len(clusters) - len(faded_out))
