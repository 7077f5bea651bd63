"""Result → HTML: what is shown beside the form. All text that comes from a file or a page is escaped."""

import math
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import numpy as np

from ecgseg.app.result import REDRAWN, Result
from ecgseg.digitize.pagefiles import OVERLAY
from ecgseg.measure.model import NOT_ASSESSABLE, PRESENT
from ecgseg.report import SECTIONS

ROUTE = "results"
WARNING = "Research tool, not a medical device. Not for diagnosis or treatment."
BANNER = f'<div class="ecg-notice" role="note"><b>{WARNING}</b> Check every value against the picture.</div>'
EMPTY = (
    '<div class="ecg-empty"><p>Drop a picture or a PDF of a paper ECG on the left, or try the example.</p>'
    "<p>It is read on this machine, held in memory while this page is open, and forgotten when you close it.</p></div>"
)
HOW = {
    "text and pulse": "from text and pulses",
    "text": "from the printed text",
    "pulse": "from the pulses",
    "beats": "by the beats: the page does not tell",
    "given": "by hand",
    "default": "assumed: the page does not tell",
}
LOW = 0.5  # quality below which a lead's bar is red: it promises less than 10 dB
COLUMNS = {"measurement": "", "value": "Value", "usual": "Usual", "spread": "Spread", "confidence": "Confidence"}


def show(result: Result, token: str, command: str) -> str:
    """Return everything about a result but its files: facts, warnings, pictures, measurements and report."""
    parts = [
        _facts(result),
        _warnings(result.reading.recording.warnings),
        _figure(
            address(token, result.name + OVERLAY),
            "What was read, drawn on the page",
            "Every trace should lie on its line, every name on its lead. Orange: the network was not sure.",
        ),
        _figure(
            address(token, result.name + REDRAWN),
            "The ECG redrawn",
            "25 mm/s, 10 mm/mV. Pale: low confidence. No line: not printed, or not read.",
        ),
        _measurements(result),
        _report(result),
        f'<p class="ecg-command">The same on the command line: <code>{escape(command)}</code></p>',
    ]
    return f'<div class="ecg">{"".join(parts)}</div>'


def downloads(files: dict[str, bytes], problems: Sequence[str], token: str) -> str:
    """Return links to all files, the ZIP of all first, and what could not be made."""
    archive = [name for name in files if name.endswith(".zip")]
    rest = [name for name in files if name not in archive]
    links = [_link(token, name, files[name], "ecg-zip" if name in archive else "") for name in archive + rest]
    said = "".join(f"<li>{escape(p)}</li>" for p in problems)
    failed = f'<ul class="ecg-warnings">{said}</ul>' if said else ""
    return f'<div class="ecg ecg-files">{"".join(links)}{failed}</div>'


def problem(text: str) -> str:
    """Return an error for a person."""
    return f'<div class="ecg-error" role="alert">{escape(text)}</div>'


def address(token: str, name: str) -> str:
    """Return where a file lies, relative to the page."""
    return f"{ROUTE}/{quote(token)}/{quote(name)}"


def _facts(result: Result) -> str:
    about, quality = result.reading.recording.provenance, result.reading.recording.quality
    scale, how = about["scale"], about["calibration"]["how"]
    layout = about["layout"]
    by_hand = layout["how"] != "recognised"
    facts = [
        ("layout", layout["name"], "by hand" if by_hand else f"recognised, confidence {layout['confidence']:.2f}"),
        ("speed", f"{about['speed_mm_s']:g} mm/s", HOW.get(how["speed"], how["speed"])),
        ("gain", _gain(about), HOW.get(how["gain"], how["gain"])),
        ("scale", f"{scale['px_per_mm_x']:.2f} × {scale['px_per_mm_y']:.2f} px/mm", scale["how"]),
    ]
    chips = "".join(
        f'<div class="ecg-fact"><span>{name}</span><b>{escape(str(value))}</b><small>{escape(str(note))}</small></div>'
        for name, value, note in facts
    )
    bars = "".join(_bar(lead, q, result.reading.recording.lead(lead)) for lead, q in quality.items())
    return (
        f'<h2>{escape(result.name)} <a href="#away">files ↓</a></h2>'
        f"<div class='ecg-facts'>{chips}</div>"
        f'<div class="ecg-quality" title="quality of each lead, 0 to 1">{bars}</div>'
    )


def _gain(about: dict) -> str:
    """Return the gain; both, where limb and chest leads have their own."""
    groups = {f"{gain:g} ({group})" for group, gain in about.get("gains_mm_mv", {}).items()}
    return f"{' and '.join(sorted(groups)) if len(groups) > 1 else format(about['gain_mm_mv'], 'g')} mm/mV"


def _bar(lead: str, quality: float, samples: np.ndarray) -> str:
    if not math.isfinite(quality) or not np.isfinite(samples).any():
        return f'<div class="ecg-bar ecg-low"><b>{escape(lead)}</b><i></i><small>not read</small></div>'
    share = min(max(quality, 0.0), 1.0)
    low = " ecg-low" if quality < LOW else ""
    return (
        f'<div class="ecg-bar{low}"><b>{escape(lead)}</b><i><u style="width:{100 * share:.0f}%"></u></i>'
        f"<small>{quality:.2f}</small></div>"
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(w)}</li>" for w in warnings)
    return f'<h3>Look at this first</h3><ul class="ecg-warnings">{items}</ul>'


def _figure(source: str, title: str, caption: str) -> str:
    return (
        f'<h3>{title}</h3><figure><a href="{source}" target="_blank" rel="noopener" title="open in full size">'
        f'<img src="{source}" alt="{title}"></a><figcaption>{caption} Click for full size.</figcaption></figure>'
    )


def _measurements(result: Result) -> str:
    titles = "".join(f"<th>{title}</th>" for title in COLUMNS.values())
    rows = "".join(_row(row) for row in result.report.table)
    leads = result.measurements.table()
    by_lead = f"<details><summary>By lead</summary>{_table(leads)}</details>" if leads else ""
    return f"<h3>Measurements</h3>{_scrolled(titles, rows)}{by_lead}"


def _scrolled(head: str, body: str) -> str:
    """Return a table that scrolls sideways where the screen is narrower."""
    table = f'<table class="ecg-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="ecg-scroll">{table}</div>'


def _row(row: dict) -> str:
    flagged = f' class="ecg-flag" title="{escape(row["flag"])}"' if row["flag"] else ""
    missing = ' class="ecg-missing"' if row["value"] == "–" else ""
    cells = [f"<td>{escape(str(row[key]))}</td>" for key in COLUMNS]
    if row["note"]:
        cells[0] = f"<td>{escape(row['measurement'])}<small>{escape(row['note'])}</small></td>"
    return f"<tr{flagged or missing}>{''.join(cells)}</tr>"


def _table(rows: Sequence[dict]) -> str:
    head = "".join(f"<th>{escape(name.replace('_', ' ').replace('uV', 'µV'))}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{'–' if v is None else escape(str(v))}</td>" for v in row.values()) + "</tr>"
        for row in rows
    )
    return _scrolled(head, body)


def _report(result: Result) -> str:
    sections = []
    for key in ("summary", *(k for k in SECTIONS if k != "summary")):
        lines = "".join(f"<li>{escape(s.text)}</li>" for s in result.report.section(key))
        if lines:
            sections.append(f"<h4>{SECTIONS[key]}</h4><ul>{lines}</ul>")
    return f'<h3>Report</h3><div class="ecg-report">{"".join(sections)}{_criteria(result)}</div>'


def _criteria(result: Result) -> str:
    """Return the rules behind the findings that are there, and how many could not be assessed."""
    findings = result.measurements.findings.values()
    rules = "".join(
        f"<li><b>{escape(f.name)}</b>{escape(' in ' + ', '.join(f.leads)) if f.leads else ''}: {escape(f.criterion)} "
        f"<small>{escape(f.source)}</small></li>"
        for f in findings
        if f.status == PRESENT
    )
    missing = "".join(
        f"<li>{escape(f.name)}: {escape(f.reason or '')}</li>" for f in findings if f.status == NOT_ASSESSABLE
    )
    parts = [("Rules behind these findings", rules), ("Not assessable", missing)]
    return "".join(f"<details><summary>{name}</summary><ul>{items}</ul></details>" for name, items in parts if items)


def _link(token: str, name: str, content: bytes, kind: str) -> str:
    size = f"{len(content) / 1e6:.1f} MB" if len(content) >= 1e5 else f"{max(1, round(len(content) / 1e3))} kB"
    shown = "everything (ZIP)" if kind else name
    return (
        f'<a class="ecg-file {kind}" href="{address(token, name)}" download="{escape(name)}">'
        f"{escape(shown)} <small>{size}</small></a>"
    )
