"""Instruction pairs for tuning a model: the chats that a report asks, each answered by the template."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ecgseg.measure import SEXES, measure
from ecgseg.measure.judge import NOISE, as_page
from ecgseg.measure.model import Measurements
from ecgseg.ptb import iter_records
from ecgseg.recording import Recording
from ecgseg.report import prompts
from ecgseg.report.template import all_slots
from ecgseg.simulate import KINDS, add_artefacts, simulate

SEED = 732  # not that of `trial`: a tuned model is tried on recordings that it has not seen
_AGES = (None, 25, 45, 60, 80)


def pairs_of(measurements: Measurements, recording: Recording) -> list[dict]:
    """Return {messages, slot, diagnosis}: one for each statement a model may word, the answer as the last message.

    A diagnosis in the recording's header (PTB) is one pair more, in which it is quoted, never claimed.
    """
    diagnosis = recording.clinical.get("diagnosis")
    out = []
    for slot in all_slots(measurements, recording):
        if not slot.fixed:
            messages = prompts.chat(slot, measurements)
        elif slot.name == "given":
            messages = prompts.ask({"given with the recording": diagnosis})
        else:
            continue
        answer = {"role": "assistant", "content": slot.text.replace("−", "-")}
        out.append({"messages": [*messages, answer], "slot": slot.name, "diagnosis": diagnosis})
    return out


def recordings(simulated: int, ptb: str | None) -> Iterator[tuple[Recording, str | None, float | None]]:
    """Yield recordings with sex and age: so many simulated ones, then PTB's (`embedded`, a folder, or None)."""
    for number in range(simulated):
        rng = np.random.default_rng([SEED, number])
        recording = add_artefacts(simulate(rng, KINDS[number % len(KINDS)]), rng, NOISE)
        sex = (None, *SEXES)[number % 3]
        yield (as_page(recording) if number % 2 else recording), sex, _AGES[number % len(_AGES)]
    if ptb is not None:
        for recording in iter_records(None if ptb == "embedded" else ptb, "train"):
            sex = recording.clinical["sex"]
            yield recording, sex if sex in SEXES else None, recording.clinical["age"]


def make_pairs(found: Iterable[tuple[Recording, str | None, float | None]]) -> Iterator[dict]:
    """Yield the pairs of recordings that `recordings` gives."""
    for recording, sex, age in found:
        yield from pairs_of(measure(recording, sex, age), recording)


def write_pairs(pairs: Iterable[dict], path: Path) -> int:
    """Write pairs as JSON lines; returns how many."""
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(json.dumps(pair, ensure_ascii=False) + "\n")
            count += 1
    return count
