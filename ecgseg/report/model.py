"""A report: sentences in fixed sections, each with what it rests on and who worded it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from ecgseg.measure.model import NOTICE

FORMAT = "ecgseg.report/1"
TEMPLATE = "template"
# Fixed, in this order.
SECTIONS = {
    "rhythm": "Rhythm and rate",
    "intervals": "Intervals",
    "axis": "Axis",
    "territories": "Findings by territory",
    "quality": "Quality of the digitization",
    "disagreements": "What disagrees",
    "summary": "Summary",
}


@dataclass(frozen=True)
class Rejected:
    """A text of a model that was not delivered, and every reason why."""

    text: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """One statement.

    slot: what it speaks of (`rate`, `pr`, …); evidence: keys of the measurements, `finding:KEY` of the findings and
    `recording:…` of what is known of the page; author: `template` or a model's name; rejected: what a model wrote
    here before and what was wrong with it.
    """

    section: str
    slot: str
    text: str
    evidence: tuple[str, ...] = ()
    author: str = TEMPLATE
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class Report:
    """All sentences of a report and what it was made with.

    writer: `template`, or the model as it was asked for; revision: its revision or checksum; prompt: version of the
    prompts, None without a model; pages: weights that read the page, file -> SHA-256, empty where none did; table:
    rows of measurement, value, usual range, spread and confidence, for the Markdown.
    """

    name: str
    sentences: tuple[Sentence, ...]
    writer: str = TEMPLATE
    revision: str | None = None
    prompt: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    software: str = ""
    patient: dict = field(default_factory=dict)
    table: tuple[dict, ...] = ()

    def section(self, key: str) -> list[Sentence]:
        """Return the sentences of a section in their order; KeyError on a section that does not exist."""
        if key not in SECTIONS:
            raise KeyError(f"no section '{key}'; the sections are {', '.join(SECTIONS)}")
        return [s for s in self.sentences if s.section == key]

    def counts(self) -> dict[str, int]:
        """Return how many sentences are whose, and how many texts were rejected."""
        by = {"sentences": len(self.sentences)}
        by["template"] = sum(s.author == TEMPLATE for s in self.sentences)
        return by | {
            "model": by["sentences"] - by["template"],
            "rejected": sum(len(s.rejected) for s in self.sentences),
        }

    def to_dict(self) -> dict:
        """Return everything as JSON can hold it; the rejected texts are kept."""
        return {
            "format": FORMAT,
            "notice": NOTICE,
            "name": self.name,
            "patient": dict(self.patient),
            "writer": self.writer,
            "revision": self.revision,
            "prompt_version": self.prompt,
            "weights": dict(self.weights),
            "software": self.software,
            "counts": self.counts(),
            "sections": {
                key: [{k: _listed(v) for k, v in asdict(s).items() if k != "section"} for s in self.section(key)]
                for key in SECTIONS
            },
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return the report for reading: notice, sections, the table of measurements, and what it was made with."""
        lines = [f"# ECG report: {escaped(self.name)}", "", f"**{NOTICE}**", ""]
        who = [
            f"{self.patient[key]}{' years' if key == 'age' else ''}" for key in ("sex", "age") if self.patient.get(key)
        ]
        lines += [f"Patient: {', '.join(who) or 'sex and age not given'}.", ""]
        if self.writer != TEMPLATE:
            lines += [
                f"[M] worded by {self.writer} and checked against the measurements; [T] worded by the template.",
                "",
            ]
        for key, title in SECTIONS.items():
            lines += [f"## {title}", ""]
            lines += [f"- {escaped(s.text)}{self._mark(s)}" for s in self.section(key)]
            lines.append("")
            if key == "intervals" and self.table:
                lines += [*as_markdown(self.table), ""]
        lines += ["---", "", *(f"{line}  " for line in self.made_with())]
        return "\n".join(lines).rstrip() + "\n"

    def made_with(self) -> list[str]:
        """Return the lines that say what made the report."""
        lines = [NOTICE, f"Worded by: {self.writer}" + (f", revision {self.revision}" if self.revision else "")]
        if self.prompt:
            counts = self.counts()
            lines.append(
                f"Prompt version {self.prompt}; {counts['model']} of {counts['sentences']} sentences are the model's, "
                f"{counts['rejected']} texts were rejected (kept in the JSON)"
            )
        read = ", ".join(f"{name} {digest[:12]}" for name, digest in self.weights.items())
        lines.append(
            f"Page read by: {read}" if read else "Page read by: no network; the recording is a file of samples"
        )
        return [*lines, f"Software: {self.software}"] if self.software else lines

    def paragraphs(self) -> list[str]:
        """Return what a printed page says beside its table: a paragraph a section, what matters first."""
        last = [s for s in self.section("summary") if s.slot == "scope"]
        said = {
            key: [s for s in self.section(key) if s not in last]
            for key in ("summary", "rhythm", "territories", "disagreements")
        }
        return [f"{SECTIONS[k]}: {' '.join(s.text for s in own)}" for k, own in said.items() if own] + [
            s.text for s in last
        ]

    def _mark(self, sentence: Sentence) -> str:
        if self.writer == TEMPLATE:
            return ""
        return " [T]" if sentence.author == TEMPLATE else " [M]"


def as_markdown(rows: Iterable[dict]) -> list[str]:
    """Return rows of one form as the lines of a Markdown table; a dash is what is missing."""
    rows = list(rows)
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    return lines + ["| " + " | ".join(escaped(str(row[n])).replace("|", "\\|") for n in names) + " |" for row in rows]


def escaped(text: str) -> str:
    """Return text in which nothing is Markdown or HTML: a file's name or a warning must not become a link or a tag."""
    for mark in "\\`*_[]<":
        text = text.replace(mark, f"\\{mark}" if mark != "<" else "&lt;")
    return " ".join(text.split())


def _listed(value):
    if isinstance(value, dict):
        return {k: _listed(v) for k, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, tuple | list) else value
