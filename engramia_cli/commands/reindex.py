"""``engramia reindex``: embed again, and change the embedding model while the memory is in use."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engramia_cli.operation import operation
from engramia_cli.options import ChangingCommand, Plan, Yes, new_app
from engramia_cli.output import confirm, json_or, note, write
from engramia_cli.progress import after_bulk, progress
from engramia_cli.terminal import counted
from engramia_core.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engramia_core.library import Memory
    from engramia_core.memory.comparison import Comparison, Golden
    from engramia_core.memory.embedding import EmbeddingProvider
    from engramia_core.memory.reindex import Estimate, ReindexReport

app = new_app()

_MINUTE_S = 60
_HOUR_S = 3_600
_CENT_USD = 0.01


@app.command(cls=ChangingCommand)
def reindex(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model to change to, instead of --embeddings."),
    ] = None,
    plan: Plan = False,
    batch_size: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Embed so many at a time.")
    ] = 256,
    max_per_second: Annotated[
        float | None, typer.Option(min=0.001, metavar="N", help="Embed no more than that.")
    ] = None,
    golden: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Questions with the keys of their right answers."),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="0.x", help="Keep the old model if they agree less."),
    ] = None,
    switch_back: Annotated[
        bool, typer.Option("--switch-back", help="Search by the former model again.")
    ] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove the vectors of the former models.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Change the embedding model under use, or embed again after a repair.

    engramia reindex --plan
    engramia reindex --model openai:text-embedding-3-small --max-per-second 50
    engramia reindex --switch-back

    The vectors of the new model are filled in beside the old ones, by which everybody searches until all are there.
    Interrupted, the same command goes on where it stopped. The old vectors stay for --switch-back until --drop-old.
    """
    memory: Memory = ctx.obj.memory
    if switch_back or drop_old:
        if (switch_back and drop_old) or plan or model or golden or min_agreement is not None:
            raise InvalidInput("--switch-back and --drop-old stand alone")
        if drop_old:
            _drop_old(ctx, memory, yes=yes)
        else:
            _show(ctx, _run(ctx, "reindex.switch-back", memory.switch_back))
        return
    target = None if model is None else _provider(ctx, model)
    questions = _questions(golden)
    if plan:
        _show(ctx, memory.reindex(to=target, plan=True))
        return
    _confirm(memory, target, yes=yes)
    report = _run(
        ctx,
        "reindex",
        partial(
            memory.reindex,
            to=target,
            batch_size=batch_size,
            max_per_second=max_per_second,
            golden=questions,
            min_agreement=min_agreement,
        ),
    )
    after_bulk(memory)
    _show(ctx, report)
    if report.comparison and not report.switched:
        raise Refused(
            f"the models agree on {report.comparison.agreement:.3f}, less than --min-agreement"
            f" {min_agreement:g}; {report.model_before} stays, the new vectors too",
            hint="lower it, or remove the new vectors: engramia reindex --drop-old",
        )


def _run(ctx: typer.Context, action: str, work: Callable[..., ReindexReport]) -> ReindexReport:
    """Do it, with progress on a terminal and records in the audit trail."""
    scope = ctx.obj.memory.scope
    with operation(ctx.obj, action, scope) as running, progress("embedding") as counter:
        report = work(progress=counter.advance)
        running.result = f"{report.embedded:,} embedded by {report.model}"
        if report.switched:
            running.result += f", switched from {report.model_before}"
    return report


def _provider(ctx: typer.Context, name: str) -> EmbeddingProvider:
    provider: EmbeddingProvider | None = ctx.obj.provider(name)
    if provider is None:
        raise InvalidInput(f"--model {name} names no model", hint="--model minilm")
    return provider


def _questions(golden: str | None) -> Sequence[Golden]:
    if golden is None:
        return ()
    from engramia_core.memory.comparison import read_golden

    with Path(golden).open("rb") as lines:
        return read_golden(lines)


def _confirm(memory: Memory, target: EmbeddingProvider | None, *, yes: bool) -> None:
    """Ask before the model of a memory that has one is changed."""
    before, wanted = memory.store.model(memory.scope), target or memory.embeddings
    if before is None or wanted is None or before.model_id == wanted.model_id:
        return
    confirm(
        f"embed {counted(memory.store.live_count(memory.scope), 'pattern')} by {wanted.model_id}"
        f" and change {memory.scope} from {before.model_id} to it?",
        yes=yes,
    )


def _drop_old(ctx: typer.Context, memory: Memory, *, yes: bool) -> None:
    old = memory.old_models()
    if old:
        named = ", ".join(f"{counted(o.vectors, 'vector')} of {o.model.model_id}" for o in old)
        confirm(f"remove {named} for good?", yes=yes)
    with operation(ctx.obj, "reindex.drop-old", memory.scope) as running:
        report = memory.drop_old_models()
        running.result = f"{sum(k.vectors for k in report.dropped):,} vectors removed"
    if json_or(ctx, report):
        return
    for known in report.dropped:
        write(f"{counted(known.vectors, 'vector')} of {known.model.model_id} removed")
    if not report.dropped:
        write("there are no vectors of another model")


def _show(ctx: Any, report: ReindexReport) -> None:  # noqa: ANN401 -- Typer's own context
    if json_or(ctx, report):
        return
    change = "" if report.model_before == report.model else f" (before: {report.model_before})"
    write(
        f"{report.embedded:,} of {counted(report.live, 'pattern')}"
        f" {'would be embedded' if report.planned else 'embedded'} by {report.model}{change},"
        f" {counted(report.characters, 'character')}"
    )
    if report.estimate:
        write(_cost(report.estimate))
    if report.comparison:
        for line in _compared(report.comparison):
            write(line)
    if report.not_compared:
        note(f"note: recall by the two models was not compared: {report.not_compared}")
    if report.switched and change:
        back = ctx.obj.typed("engramia reindex --switch-back")
        write(f"searched by {report.model} now; to go back: {back}")


def _cost(estimate: Estimate) -> str:
    time = "unknown" if estimate.seconds is None else _duration(estimate.seconds)
    return (
        f"{counted(estimate.texts, 'different text')}, about {counted(estimate.tokens, 'token')};"
        f" price: {_price(estimate.usd)}; time: {time}"
    )


def _price(usd: float | None) -> str:
    if usd is None:
        return "unknown"
    if usd < _CENT_USD:
        return f"less than ${_CENT_USD}" if usd else "nothing"
    return f"about ${usd:,.2f}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"about {seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"about {seconds / _MINUTE_S:.0f} min"
    return f"about {seconds / _HOUR_S:.1f} h"


def _compared(comparison: Comparison) -> list[str]:
    kind = "golden question" if comparison.is_golden else "stored task"
    asked = counted(comparison.questions, kind)
    lines = [f"recall compared on {asked}: the first five agree on {comparison.agreement:.3f}"]
    if comparison.before and comparison.after:
        lines.append(
            f"hit rate {comparison.before.hit_rate:.3f} -> {comparison.after.hit_rate:.3f},"
            f" MRR {comparison.before.mrr:.3f} -> {comparison.after.mrr:.3f}"
        )
    return lines
