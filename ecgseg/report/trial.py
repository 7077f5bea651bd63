"""python -m ecgseg.report.trial --reports 60 --out trial.jsonl: how often does a model pass the checker?

Simulated recordings, noisy and every second one cut to a page, are measured and reported on; each report is a line of
the file, so that a run that was stopped goes on. What was delivered is searched once more by `audit`, which shares no
code with the checker.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.measure import measure
from ecgseg.measure.judge import NOISE, as_page
from ecgseg.measure.model import Measurements
from ecgseg.overrides import compose
from ecgseg.recording import Recording
from ecgseg.report.audit import unsupported
from ecgseg.report.template import template_report
from ecgseg.report.writing import model_report
from ecgseg.simulate import KINDS, add_artefacts, simulate

PATIENTS = (("male", 60), ("female", 60), ("male", 30), ("female", 30), (None, None))


def case(number: int) -> tuple[Recording, Measurements]:
    """Return the recording of that number, another kind each time, and its measurements."""
    rng = np.random.default_rng([731, number])
    recording = add_artefacts(simulate(rng, KINDS[number % len(KINDS)]), rng, NOISE)
    recording = as_page(recording) if number % 2 else recording
    recording.name = f"{number:03d}_{KINDS[number % len(KINDS)]}"
    return recording, measure(recording, *PATIENTS[number % len(PATIENTS)])


def run(path: Path, reports: int, options: dict) -> None:
    """Make the reports that the file does not hold yet, one line each."""
    from ecgseg.report.models import load_writers

    done = {row["number"] for row in rows(path)}
    open_numbers = [n for n in range(reports) if n not in done]
    if not open_numbers:
        return
    writer = load_writers(options)[0]
    for number in open_numbers:
        recording, measurements = case(number)
        start = time.process_time()
        report, counts = model_report(measurements, recording, writer, options["tries"])
        row = {
            "number": number,
            "kind": recording.name[4:],
            "cpu_s": round(time.process_time() - start, 1),
            "counts": counts,
            "unsupported": unsupported(report, measurements),
            "unsupported_template": unsupported(template_report(measurements, recording), measurements, False),
            "report": report.to_dict(),
        }
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(number, recording.name, counts, len(row["unsupported"]), flush=True)


def rows(path: Path) -> list[dict]:
    """Return the reports of a file; a line that was cut off is left out."""
    out = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            out.append(json.loads(line))
        except ValueError:
            continue
    return out


def summary(found: list[dict]) -> str:
    """Return the counts as a table, and why sentences were rejected."""
    total = Counter()
    for row in found:
        total.update(row["counts"])
    lines = ["| | |", "|---|---|", f"| reports | {len(found)} |"]
    if not found:
        return "\n".join(lines) + "\n"
    lines += [
        f"| sentences the model wrote | {total['said']} |",
        f"| accepted by the checker | {total['accepted']} ({_share(total['accepted'], total['said'])}) |",
        f"| statements asked for | {total['slots']} |",
        f"| delivered in the model's words | {total['worded']} ({_share(total['worded'], total['slots'])}) |",
        f"| … at the first try | {total['worded_at_once']} ({_share(total['worded_at_once'], total['slots'])}) |",
        f"| replaced by the template's | {total['template']} ({_share(total['template'], total['slots'])}) |",
        f"| unsupported numbers and findings delivered | {sum(len(r['unsupported']) for r in found)} |",
        f"| the same in the template's reports | {sum(len(r['unsupported_template']) for r in found)} |",
        f"| CPU seconds a report, median | {np.median([r['cpu_s'] for r in found]):.0f} |",
    ]
    reasons = Counter(_kind(why) for row in found for why in _reasons(row["report"]))
    lines += ["", "| why rejected | texts |", "|---|---|", *(f"| {why} | {n} |" for why, n in reasons.most_common(10))]
    return "\n".join(lines) + "\n"


def _reasons(report: dict) -> list[str]:
    texts = [r for section in report["sections"].values() for s in section for r in s["rejected"]]
    return [why for one in texts for why in one["reasons"]]


def _kind(why: str) -> str:
    """Return a reason without its particulars."""
    for start in ("not in the vocabulary", "leaves out", "denies", "longer than", "the number", "a number"):
        if why.startswith(start):
            return start
    ends = (" is missing, and has no number", "is there, not missing", "was not found in just these leads")
    for end in (*ends, "was not found", "is absent", "is not assessable", "is present", "says nothing of it"):
        if why.endswith(end):
            return f"… {end.strip()}"
    return "another number than measured" if ", not " in why else why


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.0%}"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 1 if something unsupported was delivered."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.report.trial", description=__doc__.split("\n")[0])
    parser.add_argument("options", nargs="*", metavar="report.KEY=VALUE", help="as in configs/report/llm.yaml")
    parser.add_argument("--reports", type=int, default=60, help="how many the file shall hold (default 60)")
    parser.add_argument("--out", type=Path, default=Path("trial.jsonl"), help="the file (default trial.jsonl)")
    args = parser.parse_args(argv)
    try:
        overrides = ["report=llm", "report.model=smollm2", "report.stream=false", *args.options]
        run(args.out, args.reports, compose("report", overrides)["report"])
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = rows(args.out)
    print(summary(found), end="")
    for row in found:
        for line in row["unsupported"] + row["unsupported_template"]:
            print(f"unsupported: {row['number']}: {line}", file=sys.stderr)
    return int(any(row["unsupported"] or row["unsupported_template"] for row in found))


if __name__ == "__main__":
    sys.exit(main())
