"""What a model is asked: the facts of one statement as JSON, and nothing else of the recording."""

import json

from ecgseg.measure.model import NOT_ASSESSABLE, PRESENT, Measurements
from ecgseg.measure.rules_st import GROUPS
from ecgseg.report.model import Rejected
from ecgseg.report.slots import NA, Slot
from ecgseg.report.wording import KINDS, TERRITORIES, finding_name, listed, name_of, reason, shown

VERSION = "2"  # goes up with every change of a text below: a report says which one it was made with
SYSTEM = (
    "You write an ECG report for a doctor, one sentence at a time. Say only what the JSON says, with its numbers and "
    "units. Add no diagnosis, no cause, no advice and no other number."
)
EXAMPLES = (
    ({"P duration": "104 ms, within the usual range"}, "The P duration is 104 ms, within the usual range."),
    ({"T axis": "31°", "QT interval": "396 ms"}, "The T axis is 31° and the QT interval is 396 ms."),
    (
        {"where": "inferior leads", "absent": ["ST depression", "T inversion", "pathological Q waves"]},
        "There is no ST depression, T inversion or pathological Q waves in the inferior leads.",
    ),
    ({"absent": ["wide QRS"]}, "There is no wide QRS."),
    ({"present": ["short QTc", "extreme axis"]}, "There is short QTc and extreme axis."),
    ({NA: ["low voltage"]}, f"Low voltage is {NA}."),
)
_GRADES = {"normal": "within the usual range", "high": "above the usual range", "low": "below the usual range"}


def facts(slot: Slot, m: Measurements) -> dict:
    """Return what a slot speaks of: measurements by name with value, unit and grade, findings by their status."""
    values = {name_of(k): _value(m, k) for k in slot.evidence if not k.startswith("finding:")}
    keys = [k.removeprefix("finding:") for k in slot.evidence if k.startswith("finding:")]
    kinds = {k: k.rpartition("_")[0] for k in keys if k.rpartition("_")[2] in GROUPS}
    groups = {k.rpartition("_")[2] for k in kinds}
    # Leads that all findings share are said once, and what holds in all leads needs none.
    everywhere = len(kinds) == len(keys) == len(GROUPS) * len(set(kinds.values()))
    shared = len(kinds) == len(keys) and len(groups) == 1
    out: dict = {"where": TERRITORIES[groups.pop()]} if shared else {}
    for key in keys:
        finding = m.findings[key]
        name = KINDS[kinds[key]] if shared or everywhere else finding_name(key)
        if finding.status == PRESENT and finding.leads and key in kinds:
            name += f" {'in ' if shared else ''}{listed(finding.leads)}"
        names = out.setdefault(NA if finding.status == NOT_ASSESSABLE else finding.status, [])
        if name not in names:
            names.append(name)
    return out | values


def _value(m: Measurements, key: str) -> str:
    one = m.values[key]
    if one.value is None:
        return f"{NA}: {reason(m, key)}"
    unit = " beats" if one.unit == "beats" else ""
    grade = f", {_GRADES[one.flag]}" if one.flag else ""
    return f"{shown(one)}{unit}{grade}".replace("−", "-")


def chat(slot: Slot, m: Measurements, rejected: tuple[Rejected, ...] = ()) -> list[dict[str, str]]:
    """Return the messages for one slot; what was rejected before is shown with the reasons."""
    messages = ask(facts(slot, m))
    for one in rejected[-1:]:
        messages.append({"role": "assistant", "content": one.text})
        messages.append(
            {
                "role": "user",
                "content": f"Wrong: {'; '.join(one.reasons)}. Write it again. {_json(facts(slot, m))}",
            }
        )
    return messages


def ask(given: dict) -> list[dict[str, str]]:
    """Return the messages that ask for a sentence on these facts: instructions, examples, the facts."""
    messages = [{"role": "system", "content": SYSTEM}]
    for example, answer in EXAMPLES:
        messages += [{"role": "user", "content": _json(example)}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": _json(given)}]


def _json(given: dict) -> str:
    return json.dumps(given, ensure_ascii=False)
