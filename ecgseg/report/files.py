"""Files of a report: NAME.measurements.json, NAME.report.md, NAME.report.json; and what can be read to make one."""

import json
import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from ecgseg.errors import RecordError
from ecgseg.measure import SEXES, measure
from ecgseg.measure.model import Measurement, Measurements, Reference
from ecgseg.measure.rules import all_findings
from ecgseg.output.about import plain
from ecgseg.output.files import place
from ecgseg.recording import Recording, read_csv, read_wfdb
from ecgseg.report.errors import ReportError
from ecgseg.report.model import FORMAT, SECTIONS, Report, as_markdown, escaped
from ecgseg.report.template import template_report
from ecgseg.report.wording import UNITS

MEASUREMENTS, MARKDOWN, JSON = ".measurements.json", ".report.md", ".report.json"
SUFFIXES = (MEASUREMENTS, MARKDOWN, JSON)
KINDS = ("template", "llm", "none")


@dataclass(frozen=True)
class Reported:
    """What was measured, and the report of each model (one, of the template, without models)."""

    measurements: Measurements
    reports: tuple[Report, ...]


class Reporter:
    """Makes and writes reports as configs/report says; models are loaded once, here."""

    def __init__(self, options: dict):
        """Take the options of configs/report; raises ReportError if they or a model do not fit."""
        self.check(options)
        self.options, self.writers = options, []
        if options["kind"] == "llm":
            from ecgseg.report.models import load_writers

            self.writers = load_writers(options)

    @staticmethod
    def check(options: dict) -> None:
        """Raise ReportError if the options do not fit, without loading a model."""
        kind = options.get("kind")
        if kind not in KINDS:
            raise ReportError(f"report is '{kind}'; the choices are {', '.join(KINDS)}")
        if options.get("sex") not in (None, *SEXES):
            raise ReportError(f"report.sex is '{options['sex']}'; expected {' or '.join(SEXES)}")
        age = options.get("age")
        if age is not None and not (isinstance(age, int | float) and 0 <= age <= 130):
            raise ReportError(f"report.age is {age}; expected years from 0 to 130")
        if kind != "llm" and (options.get("model") or options.get("endpoint")):
            raise ReportError(f"report.model and report.endpoint need report=llm, not report={kind}")

    def paths(self, stem: Path) -> list[Path]:
        """Return the files that `write` makes for this stem; none with report=none."""
        return report_paths(stem, self.options)

    def make(self, recording: Recording) -> Reported:
        """Return measurements and reports of a recording."""
        return self.reports(measure(recording, *self._patient(recording)), recording)

    def reports(self, measurements: Measurements, recording: Recording | None = None) -> Reported:
        """Return the reports over measurements that are there already."""
        if not self.writers:
            return Reported(measurements, (template_report(measurements, recording),))
        from ecgseg.report.writing import model_report

        made = [model_report(measurements, recording, w, self.options["tries"])[0] for w in self.writers]
        return Reported(measurements, tuple(made))

    def write(self, recording: Recording, stem: Path, overwrite: bool = True) -> Reported | None:
        """Measure, report and write the three files; None with report=none."""
        if self.options["kind"] == "none":
            return None
        reported = self.make(recording)
        save(reported, stem, overwrite)
        return reported

    def _patient(self, recording: Recording) -> tuple[str | None, float | None]:
        sex, age = self.options.get("sex"), self.options.get("age")
        if sex is None and recording.clinical.get("sex") in SEXES:
            sex = recording.clinical["sex"]
        return sex, recording.clinical.get("age") if age is None else float(age)


def report_paths(stem: Path, options: dict) -> list[Path]:
    """Return the files that a report of these options gives; none with report=none."""
    return [] if options["kind"] == "none" else [Path(f"{stem}{suffix}") for suffix in SUFFIXES]


def write_reports(recording: Recording, stem: Path, options: dict) -> Reported | None:
    """Measure, report and write the files of `report_paths`, over any that are there; None with report=none."""
    return reporter_of(options).write(recording, stem)


def reporter_of(options: dict) -> Reporter:
    """Return the reporter of these options: the same for the same options, so that models are loaded once."""
    return _reporter(json.dumps(options, sort_keys=True))


@lru_cache(maxsize=2)
def _reporter(options: str) -> Reporter:
    return Reporter(json.loads(options))


def save(reported: Reported, stem: Path, overwrite: bool = False) -> list[Path]:
    """Write the three files beside each other; raises OutputError if one exists and `overwrite` is not set."""
    paths = [Path(f"{stem}{suffix}") for suffix in SUFFIXES]
    texts = (reported.measurements.to_json(), to_markdown(reported.reports), to_json(reported.reports))

    def write(folder: Path) -> None:
        for path, text in zip(paths, texts, strict=True):
            (folder / path.name).write_text(text, encoding="utf-8")

    return place(paths, write, overwrite)


def to_json(reports: tuple[Report, ...]) -> str:
    """Return one report as JSON, or several in a list under `reports`."""
    if len(reports) == 1:
        return reports[0].to_json()
    content = {"format": f"{FORMAT}+", "reports": [r.to_dict() for r in reports]}
    return json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(reports: tuple[Report, ...]) -> str:
    """Return one report, or several models side by side: a table of who worded how much, then a column for each."""
    first = reports[0]
    if len(reports) == 1:
        return first.to_markdown()
    lines = first.to_markdown().splitlines()[:3] + ["", "The same measurements worded by several models.", ""]
    lines += [*as_markdown({"model": r.writer, "revision": r.revision or "", **r.counts()} for r in reports), ""]
    lines += ["A sentence in (round brackets) is the template's: the model's failed the check.", ""]
    for key, title in SECTIONS.items():
        rows = [
            {"statement": one[0].slot} | {r.writer: _cell(s) for r, s in zip(reports, one, strict=True)}
            for one in zip(*(r.section(key) for r in reports), strict=True)
        ]
        lines += [f"## {title}", "", *(as_markdown(rows) if rows else []), ""]
    for report in reports:
        lines += [f"### {escaped(report.writer)}", "", *(f"{escaped(line)}  " for line in report.made_with()), ""]
    return "\n".join(lines).rstrip() + "\n"


def _cell(sentence) -> str:
    return f"({sentence.text})" if sentence.author == "template" else sentence.text


def read_measurements(path) -> Measurements:
    """Read a file that `Measurements.to_json` wrote; raises ReportError saying what does not fit.

    Grades and findings are made anew from the values, so that they follow a value that was changed or taken out.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != "ecgseg.measurements/1":
            raise ValueError(f"its format is {content.get('format')!r}, not ecgseg.measurements/1")
        values = {k: _measurement(v) for k, v in content["measurements"].items()}
        for key, unit in UNITS.items():
            values.setdefault(key, Measurement(key, None, unit, reason="it is not in the file"))
        patient = content["patient"]
        return Measurements(
            name=str(content["name"]),
            values=values,
            findings=all_findings(values, patient["sex"], patient["age"]),
            **{f.name: content[f.name] for f in fields(Measurements) if f.name not in ("name", "values", "findings")},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{path}: cannot be read as measurements ({error}); was it written by ecgseg?") from error


def read_recording(path) -> Recording:
    """Read .hea, .csv or .npz with what a JSON file of the same name tells of it; raises RecordError or ReportError."""
    path = Path(path)
    if path.suffix == ".npz":
        from ecgseg.output import npz

        return npz.read(path)
    if path.suffix not in (".hea", ".csv"):
        raise ReportError(f"{path}: expected a recording (.hea, .csv, .npz) or measurements (.json)")
    recording = read_wfdb(path) if path.suffix == ".hea" else read_csv(path)
    if path.suffix == ".hea":
        from ecgseg.ptb import parse_clinical

        recording.clinical = parse_clinical(path, recording.clinical.get("comments", []))
    return _with_about(recording, path.with_suffix(".json"))


def _with_about(recording: Recording, path: Path) -> Recording:
    """Return the recording with provenance, quality and warnings of the JSON beside it, if that is one of ours."""
    if not path.is_file():
        return recording
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read as JSON ({error}); move it away or write it anew") from error
    if not isinstance(content, dict) or content.get("provenance", {}).get("software") != "ecgseg":
        return recording
    quality = {k: float("nan") if q is None else q for k, q in content["quality"].items()}
    told = {"provenance": content["provenance"], "quality": quality, "warnings": content["warnings"]}
    return replace(recording, **told)


def _measurement(content: dict) -> Measurement:
    """Return a measurement with its grade made anew; a value that was taken out without a reason gets one."""
    content = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    usual = content["reference"] and Reference(**content["reference"])
    m = Measurement(**{**content, "reference": usual})
    if m.value is None:
        return replace(m, flag=None, reason=m.reason or "there is no value in the file")
    if not isinstance(m.value, int | float) or not math.isfinite(m.value):
        raise ValueError(f"{m.key} is {m.value!r}, not a number")
    if m.flag is None or usual is None:
        return m
    low, high = usual.low is not None and m.value < usual.low, usual.high is not None and m.value > usual.high
    return replace(m, flag="low" if low else "high" if high else "normal")
