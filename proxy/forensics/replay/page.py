"""The report as one HTML page that stands alone: no network, no script. Pure. Everything from peers is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from proxy.forensics.replay.outcome import Difference, Outcome, Tally
from proxy.forensics.replay.report import Story, by_action, headline, milliseconds, share
from proxy.forensics.replay.substitution import iso
from proxy.log import printable
from proxy.names import Direction

MOST_ROWS: Final = 2_000
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --good: #2e7d32; --soft: #8882; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c784; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.same { color: var(--good); } .differs { color: var(--bad); } .soft { opacity: .75; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; } td.n, th.n { text-align: right; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
small { opacity: .75; display: block; } td.what { width: 55%; }
td.what code { display: block; } .then::before { content: "then "; opacity: .6; }
.now::before { content: "now  "; opacity: .6; } .then { color: var(--bad); } .now { color: var(--good); }
.bar { background: var(--soft); height: .5rem; min-width: 6rem; border-radius: .25rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bad); }
"""
_FOUND: Final = ("kind", "session", "call", "difference")
_ACTIONS: Final = ("action", "from", "calls", "compared", "differ", "divergence", "")
_LATENCIES: Final = ("then p50", "then p95", "now p50", "now p95")


def as_html(story: Story, outcome: Outcome) -> str:
    return "".join(_pieces(story, outcome))


def _pieces(story: Story, outcome: Outcome) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Replay: {escape(headline(story, outcome))}</title><style>{_STYLE}</style></head><body>\n"
    yield f"<h1>Replay as {escape(story.role)}: {_code(story.peer)}</h1>\n"
    yield f'<p class="{"same" if outcome.same else "differs"}">{escape(headline(story, outcome))}</p>\n'
    yield f'<p class="soft">speed {escape(story.speed)}, {story.seconds:.1f} s</p>\n'
    if outcome.differences:
        yield from _section("Differences", _FOUND, (), map(_found, outcome.differences[:MOST_ROWS]))
        more = outcome.count - min(MOST_ROWS, len(outcome.differences))
        yield f'<p class="soft">{more} more are not shown.</p>\n' if more > 0 else ""
    yield from _section("By action", _ACTIONS, _LATENCIES, map(_action, by_action(outcome)))
    yield from _list("Left out of the recording", outcome.left_out)
    yield from _list("Noticed", outcome.notes | dict.fromkeys(story.remarks, 0))
    yield "</body></html>\n"


def _section(
    heading: str, words: Sequence[str], numbers: Sequence[str], rows: Iterable[str]
) -> Iterator[str]:
    yield f"<h2>{heading}</h2>\n<table><thead><tr>"
    yield from (f"<th>{word}</th>" for word in words)
    yield from (f'<th class="n">{word}</th>' for word in numbers)
    yield "</tr></thead><tbody>\n"
    yield from rows
    yield "</tbody></table>\n"


def _found(difference: Difference) -> str:
    place = f" #{difference.place}" if difference.place else ""
    at = escape(iso(difference.at)) if difference.at else ""
    cells = (
        f'<span class="differs">{escape(difference.kind.value)}</span>',
        f"{_text(difference.charge_point)}{_small(difference.session[:8] + place)}<small>{at}</small>",
        f"{_text(difference.action)}{_small(difference.message_id)}",
    )
    what = _code(difference.path) + _code(difference.recorded, "then") + _code(difference.new, "now")
    return f'<tr>{"".join(f"<td>{cell}</td>" for cell in cells)}<td class="what">{what}</td></tr>\n'


def _action(row: tuple[Direction, str, Tally]) -> str:
    sender, action, tally = row
    part = 100 * share(tally)
    bar = f'<div class="bar"><i style="width:{part:.1f}%"></i></div>'
    words = (_text(action), sender.label.replace("_", " "))
    counts = (tally.calls, tally.compared, tally.differing)
    cells = (*words, *map(str, counts), f"{part:.1f} %", bar)
    times = (
        milliseconds(latencies.quantile(quantile))
        for latencies in (tally.recorded, tally.new)
        for quantile in (0.5, 0.95)
    )
    numbers = "".join(f'<td class="n">{"" if ms is None else f"{ms:.1f} ms"}</td>' for ms in times)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}{numbers}</tr>\n"


def _list(heading: str, counts: dict[str, int]) -> Iterator[str]:
    items = [
        f"{count or ''} {_text(word)}"
        for word, count in sorted(counts.items())
        if count or heading == "Noticed"
    ]
    if items:
        yield f"<h2>{heading}</h2>\n<ul>"
        yield from (f"<li>{item}</li>" for item in items)
        yield "</ul>\n"


def _text(text: str) -> str:
    return escape(printable(text))


def _small(text: str) -> str:
    return f"<small>{_text(text)}</small>" if text else ""


def _code(text: str, kind: str = "where") -> str:
    return f'<code class="{kind}">{_text(text)}</code>' if text else ""
