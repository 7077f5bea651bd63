"""Rules over measurements: each names its published criterion and source, and every finding its evidence.

A rule looks at numbers only. If one that it needs is missing, its outcome is not assessable, with the reason.
"""

import inspect
from collections.abc import Callable

from ecgseg.measure.facts import Facts, Missing, Outcome
from ecgseg.measure.model import NOT_ASSESSABLE, Finding, Measurement
from ecgseg.measure.reference import ADULT
from ecgseg.measure.rules_form import FORM_RULES
from ecgseg.measure.rules_rhythm import RHYTHM_RULES
from ecgseg.measure.rules_st import ST_RULES

# In this order they are reported.
RULES: dict[str, Callable[[Facts], Outcome]] = {**RHYTHM_RULES, **FORM_RULES, **ST_RULES}


def all_findings(values: dict[str, Measurement], sex: str | None, age: float | None) -> dict[str, Finding]:
    """Return the outcome of every rule by key. Below 18 years none is assessable: the criteria are for adults."""
    return {key: _run(key, rule, Facts(values, sex, age)) for key, rule in RULES.items()}


def _run(key: str, rule: Callable[[Facts], Outcome], facts: Facts) -> Finding:
    name, criterion, source = described(rule)
    try:
        if facts.age is not None and facts.age < ADULT:
            raise Missing("the criterion is for adults")
        outcome = rule(facts)
    except Missing as reason:
        return Finding(key, name, NOT_ASSESSABLE, criterion, source, tuple(facts.used), reason=str(reason))
    return Finding(key, name, outcome.status, criterion, source, outcome.evidence or tuple(facts.used), outcome.leads)


def described(rule: Callable) -> tuple[str, str, str]:
    """Return name, criterion and source out of a rule's docstring; raises ValueError where one of them is missing."""
    text = " ".join(inspect.getdoc(rule).split())
    name, mark, rest = text.partition(" Criterion: ")
    criterion, mark_2, source = rest.partition(" Source: ")
    if not (mark and mark_2):
        raise ValueError(f"{rule.__name__}: its docstring needs a name, 'Criterion: …' and 'Source: …'")
    return name.rstrip("."), criterion.rstrip("."), source.rstrip(".")
