"""What a model is asked: the facts of one statement as JSON, and nothing else of the recording."""

import json

from ecgseg.measure.model import NOT_ASSESSABLE, PRESENT, Measurements
from ecgseg.measure.rules_st import GROUPS
from ecgseg.report.model import Rejected
from ecgseg.report.slots import NA, Slot
from ecgseg.report.wording import listed, name_of, reason, shown

VERSION = "1"  # goes up with every change of a text below: a report says which one it was made with
SYSTEM = (
    "You write an ECG report for a doctor, one sentence at a time. Say only what the JSON says, with its numbers and "
    "units. Add no diagnosis, no cause, no advice and no other number."
)
EXAMPLES = (
    ({"T axis": "31°", "range of RR": "84 ms"}, "The T axis is 31° and the range of RR is 84 ms."),
    ({"P duration": "104 ms, within the usual range"}, "The P duration is 104 ms, within the usual range."),
    (
        {"absent": ["T inversion in the inferior leads", "ST depression in the inferior leads"]},
        "There is no T inversion or ST depression in the inferior leads.",
    ),
    ({"present": ["short QTc", "extreme axis"]}, "There is a short QTc and an extreme axis."),
    ({"QRS area in V6": f"{NA}: the lead is flat"}, f"The QRS area in V6 is {NA}."),
)
_GRADES = {"normal": "within the usual range", "high": "above the usual range", "low": "below the usual range"}


def facts(slot: Slot, m: Measurements) -> dict:
    """Return what a slot speaks of: measurements by name with value, unit and grade, findings by their status."""
    out: dict = {}
    by_status: dict[str, list[str]] = {}
    for key in slot.evidence:
        if not key.startswith("finding:"):
            out[name_of(key)] = _value(m, key)
            continue
        finding = m.findings[key.removeprefix("finding:")]
        name = name_of(key)
        if finding.status == PRESENT and finding.leads and finding.key.rpartition("_")[2] in GROUPS:
            name += f" {listed(finding.leads)}"
        heading = NA if finding.status == NOT_ASSESSABLE else finding.status
        by_status.setdefault(heading, []).append(name)
    return by_status | out


def _value(m: Measurements, key: str) -> str:
    one = m.values[key]
    if one.value is None:
        return f"{NA}: {reason(m, key)}"
    unit = " beats" if one.unit == "beats" else ""
    grade = f", {_GRADES[one.flag]}" if one.flag else ""
    return f"{shown(one)}{unit}{grade}".replace("−", "-")


def chat(slot: Slot, m: Measurements, rejected: tuple[Rejected, ...] = ()) -> list[dict[str, str]]:
    """Return the messages for one slot; what was rejected before is shown with the reasons."""
    messages = [{"role": "system", "content": SYSTEM}]
    for given, answer in EXAMPLES:
        messages += [{"role": "user", "content": _json(given)}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": _json(facts(slot, m))})
    for one in rejected[-1:]:
        messages.append({"role": "assistant", "content": one.text})
        messages.append(
            {
                "role": "user",
                "content": f"Wrong: {'; '.join(one.reasons)}. Write it again. {_json(facts(slot, m))}",
            }
        )
    return messages


def _json(given: dict) -> str:
    return json.dumps(given, ensure_ascii=False)
