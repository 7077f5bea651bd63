"""A report in a model's words: each statement is asked for, checked, asked for again, and else the template's."""

from dataclasses import dataclass
from typing import Protocol

from ecgseg.measure.model import Measurements
from ecgseg.recording import Recording
from ecgseg.report import prompts
from ecgseg.report.checker import check
from ecgseg.report.model import Rejected, Report, Sentence
from ecgseg.report.reading import sentences, tidy
from ecgseg.report.slots import Slot
from ecgseg.report.template import about, all_slots, as_sentence
from ecgseg.report.wording import name_of, upper


class Writer(Protocol):
    """A model that answers chats; `name` and `revision` go into the report."""

    name: str
    revision: str | None

    def write(self, chats: list[list[dict[str, str]]]) -> list[str]:
        """Return the answer to each chat."""


@dataclass(frozen=True)
class Judged:
    """What is left of a model's text: the sentences that may be said and what they rest on; the rest, rejected."""

    text: str
    evidence: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    said: int
    accepted: int


def judge(text: str, slot: Slot, m: Measurements) -> Judged:
    """Return a model's text for a slot, checked sentence by sentence; `text` is empty where it cannot be delivered.

    Sentences that fail are left out; those that pass are delivered only if together they speak of all that the slot
    must speak of, so that nothing that was found can be kept back.
    """
    said = sentences(text) or [""]
    kept: dict[str, tuple[str, ...]] = {}
    spoken: set[str] = set()
    rejected, accepted = [], 0
    for sentence in said:
        verdict = check(sentence, m)
        if verdict.accepted:
            accepted += 1
            # What was checked is what is delivered: one form of each sign, digits for number words.
            kept[f"{upper(tidy(sentence))}."] = verdict.evidence
            # Of a value that is there its number must be told: `within the usual range` is not enough.
            spoken.update(k for k in verdict.evidence if k not in m.values or m.values[k].value is None)
            spoken.update(verdict.numbers)
        else:
            rejected.append(Rejected(sentence, verdict.reasons))
    evidence = tuple(dict.fromkeys(key for keys in kept.values() for key in keys))
    left_out = [key for key in slot.must if key not in spoken]
    if left_out:
        why = f"leaves out: {', '.join(name_of(k) for k in left_out)}"
        rejected += [Rejected(sentence, (why,)) for sentence in kept]
        return Judged("", (), tuple(rejected), len(said), accepted)
    return Judged(" ".join(kept), evidence, tuple(rejected), len(said), accepted)


def model_report(
    measurements: Measurements, recording: Recording | None, writer: Writer, tries: int = 2
) -> tuple[Report, dict[str, int]]:
    """Return the report and counts: sentences said and accepted, slots asked for, worded and given to the template."""
    slots = all_slots(measurements, recording)
    done: dict[int, Sentence] = {}
    rejected: dict[int, tuple[Rejected, ...]] = {k: () for k, slot in enumerate(slots) if not slot.fixed}
    counts = {"slots": len(rejected), "said": 0, "accepted": 0, "worded_at_once": 0}
    for attempt in range(tries):
        open_slots = [k for k in rejected if k not in done]
        if not open_slots:
            break
        answers = writer.write([prompts.chat(slots[k], measurements, rejected[k]) for k in open_slots])
        for k, answer in zip(open_slots, answers, strict=True):
            judged = judge(answer, slots[k], measurements)
            rejected[k] += judged.rejected
            counts["said"] += judged.said
            counts["accepted"] += judged.accepted
            if judged.text:
                counts["worded_at_once"] += attempt == 0
                done[k] = Sentence(
                    slots[k].section, slots[k].name, judged.text, judged.evidence, writer.name, rejected[k]
                )
    counts |= {"worded": len(done), "template": len(rejected) - len(done)}
    lines = []
    for k, slot in enumerate(slots):
        own = as_sentence(slot)
        lines.append(
            done.get(k) or Sentence(own.section, own.slot, own.text, own.evidence, own.author, rejected.get(k, ()))
        )
    report = Report(
        name=measurements.name,
        sentences=tuple(lines),
        writer=writer.name,
        revision=writer.revision,
        prompt=prompts.VERSION,
        **about(measurements, recording),
    )
    return report, counts
