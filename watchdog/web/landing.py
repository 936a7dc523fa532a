"""The landing page: plain HTML, everything escaped, nothing loaded from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from watchdog import __version__
from watchdog.model.drifts import DriftState
from watchdog.reconciler.status import TargetStatus
from watchdog.web.ports import Report

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd;"
    "vertical-align:top;overflow-wrap:anywhere}.bad{color:#a00;font-weight:600}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.bad{color:#f77}a{color:#8bf}}"
)
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LINKS = ("/metrics", "/-/healthy", "/-/ready", "/api/v1/status", "/api/v1/drifts", "/api/v1/plans", "/api/v1/repairs", "/api/v1/history")
_MOST_DRIFTS = 100
_DRIFT_HEADS = ("state", "target", "kind", "subject", "true is", "the panel says", "held because")


def landing(statuses: Iterable[TargetStatus], health: Report, ready: Report) -> str:
    """Return the page: version, whether all is well, targets, drifts, links."""
    found = tuple(statuses)
    drifts = [(state, episode.drift) for status in found for episode, state in status.episodes]
    shown = "".join(
        _row(state.value, drift.target, drift.kind, drift.subject.name or drift.subject.id, drift.truth, drift.belief, drift.hold or "")
        for state, drift in drifts[:_MOST_DRIFTS]
    )
    more = f"<p>{len(drifts) - _MOST_DRIFTS} more: <a href='/api/v1/drifts'>all drifts</a></p>" if len(drifts) > _MOST_DRIFTS else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>panel-watchdog</title><style>{_STYLE}</style></head><body><h1>panel-watchdog {escape(__version__)}</h1>"
        f"{_well('healthy', health)}{_well('ready', ready)}"
        f"<h2>Targets</h2>{_table(('target', 'panel', 'mode', 'panel answers', 'drifts'), ''.join(map(_target, found)), 'no target')}"
        f"<h2>Drifts</h2>{_table(_DRIFT_HEADS, shown, 'no drift')}{more}"
        f"<p>{' · '.join(f'<a href={link!r}>{link}</a>' for link in _LINKS)}</p></body></html>\n"
    )


def _well(word: str, report: Report) -> str:
    if report.ok:
        return f"<p>{word}</p>"
    return f"<p class='bad'>not {word}: {escape('; '.join(report.missing))}</p>"


def _target(status: TargetStatus) -> str:
    states = Counter(state for _, state in status.episodes)
    drifts = ", ".join(f"{states[state]} {state.value}" for state in DriftState if states[state]) or "none"
    answers = {None: "not asked yet", True: "yes", False: f"no: {status.message or status.error or 'unknown'}"}[status.up]
    return _row(status.target, status.panel, status.mode.value, answers, drifts)


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _table(heads: Iterable[str], rows: str, empty: str) -> str:
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>" if rows else f"<p>{empty}</p>"
