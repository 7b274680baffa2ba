"""What a reindex would do and cost; it spends and changes nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engramia_core.memory.embedding import text_hash
from engramia_core.memory.reindex import Estimate, ReindexReport, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope

_PAGE = 1_000
_CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English (help.openai.com/en/articles/4936856, read 2026-11-24)."""
_TRIED = 32
_MILLION = 1_000_000


def plan_reindex(
    store: PatternStore,
    target: Embedder,
    scope: Scope,
    *,
    clock_s: Callable[[], float] = lambda: 0.0,
) -> ReindexReport:
    """What ``reindex`` would embed. A local model is tried on a few texts, to tell how long it will take."""
    before = store.model(scope)
    patterns = texts = characters = 0
    seen: set[int] = set()
    sample: list[str] = []
    after = ""
    while page := store.without_vector(scope, model=target.model, limit=_PAGE, after=after):
        after = page[-1].key
        patterns += len(page)
        tasks = {text_hash(p.task): p.task for p in page}
        known = target.stored(scope, list(tasks.values()))
        new = {h: task for h, task in tasks.items() if h not in seen and task not in known}
        seen |= new.keys()
        texts += len(new)
        characters += sum(map(len, new.values()))
        sample.extend(list(new.values())[: _TRIED - len(sample)])
    tokens = math.ceil(characters / _CHARACTERS_PER_TOKEN)
    price = target.provider.usd_per_million_tokens
    estimate = Estimate(
        texts,
        tokens,
        None if price is None else price * tokens / _MILLION,
        _seconds_each(target.provider, sample, clock_s) * texts
        if target.provider.is_local
        else None,
    )
    return ReindexReport(
        planned=True,
        model_before=name_of(before),
        model=name_of(target.model),
        live=store.live_count(scope),
        embedded=patterns,
        characters=characters,
        estimate=estimate,
    )


def _seconds_each(
    provider: EmbeddingProvider, texts: Sequence[str], clock_s: Callable[[], float]
) -> float:
    """How long a text takes, once the model is loaded."""
    if not texts:
        return 0.0
    provider.embed(texts[:1])
    start_s = clock_s()
    provider.embed(texts)
    return (clock_s() - start_s) / len(texts)
