"""Rules on ST, T and Q by groups of neighbouring leads."""

from ecgseg.measure.facts import Facts, Missing, Outcome

# Leads that lie beside each other on the body: Thygesen et al., Fourth universal definition, 2018.
GROUPS = {
    "anterior": ("V1", "V2", "V3", "V4", "V5", "V6"),
    "inferior": ("II", "aVF", "III"),
    "lateral": ("aVL", "I"),
}


def _neighbours(facts: Facts, group: str, met) -> Outcome:
    """Return the leads of the longest run of neighbours in which `met(lead)` holds, if there are two or more.

    An unread lead between two others makes no neighbours of them. If no run is found and some leads are unread, the
    outcome is Missing: it could lie there.
    """
    leads = GROUPS[group]
    measured = facts.measured(leads)
    if len(measured) < 2:
        raise Missing(f"fewer than two of {', '.join(leads)} were measured")
    hits = [lead in measured and met(lead) for lead in leads]
    if group == "inferior":  # each of the three is beside each other
        found = [lead for lead, hit in zip(leads, hits, strict=True) if hit]
    else:
        found = _longest_run(leads, hits)
    if len(found) >= 2:
        return Outcome(True, tuple(found))
    if len(measured) < len(leads):
        gone = [lead for lead in leads if lead not in measured]
        raise Missing(f"{', '.join(gone)} could not be measured")
    return Outcome(False)


def _longest_run(leads: tuple[str, ...], hits: list[bool]) -> list[str]:
    best: list[str] = []
    run: list[str] = []
    for lead, hit in zip(leads, hits, strict=True):
        run = [*run, lead] if hit else []
        best = max(best, run, key=len)
    return best


def _st_counts(facts: Facts) -> None:
    if facts.need("qrs") >= 120:
        raise Missing("with a wide QRS, ST lies off the line by itself")
    spikes = facts.values["spikes"]
    if spikes.value and spikes.value >= 0.5 * spikes.beats:
        raise Missing("a paced rhythm moves ST by itself")


def st_elevation_limit(lead: str, sex: str | None, age: float | None) -> tuple[float, float]:
    """Return the lowest and the highest limit (mV) that J must reach in a lead, as far as sex and age are known.

    0.1 mV; in V2 and V3 0.2 mV in men from 40 years, 0.25 mV in younger men, 0.15 mV in women.
    """
    if lead not in ("V2", "V3"):
        return 0.1, 0.1
    if sex == "female":
        return 0.15, 0.15
    if age is None:
        return (0.2, 0.25) if sex == "male" else (0.15, 0.25)
    limit = 0.2 if age >= 40 else 0.25
    return (limit, limit) if sex == "male" else (0.15, limit)


def _elevation(facts: Facts, group: str) -> Outcome:
    _st_counts(facts)

    def over(which: int):
        return lambda lead: facts.need(f"st_j.{lead}") >= st_elevation_limit(lead, facts.sex, facts.age)[which]

    outcome = _neighbours(facts, group, over(1))
    if not outcome.there and _neighbours(facts, group, over(0)).there:
        raise Missing("the limit in V2 and V3 depends on sex and age, which are not known")
    return outcome


def _depression(facts: Facts, group: str) -> Outcome:
    _st_counts(facts)
    # Horizontal or falling: still down 60 ms later; a rising ST is not counted.
    return _neighbours(
        facts,
        group,
        lambda x: facts.need(f"st_j.{x}") <= -0.05 and facts.need(f"st_j60.{x}") <= facts.need(f"st_j.{x}") + 0.01,
    )


def _q_waves(facts: Facts, group: str) -> Outcome:
    if facts.need("qrs") >= 120:
        raise Missing("with a wide QRS, Q waves have other causes")

    def met(lead: str) -> bool:
        ms, mv = facts.wave("q_duration", lead), -facts.wave("q_amplitude", lead)
        qs = mv > 0 and facts.wave("r_amplitude", lead) == 0
        if lead == "V1":
            return False  # a QS in V1 alone is usual; the definition begins with V2
        if lead in ("V2", "V3"):
            return ms > 20 or qs
        return (ms >= 30 and mv >= 0.1) or qs

    return _neighbours(facts, group, met)


def _t_inversion(facts: Facts, group: str) -> Outcome:
    _st_counts(facts)
    facts.need("qt")

    def met(lead: str) -> bool:
        if lead == "V1":
            return False  # usually negative there
        r = facts.wave("r_amplitude", lead)
        return facts.wave("t_amplitude", lead) < -0.1 and r > facts.deepest(lead)

    return _neighbours(facts, group, met)


_WHAT = {
    "st_elevation": (
        _elevation,
        "ST elevation",
        "J point at least 0.1 mV over the PR level in two neighbouring leads; in V2 and V3 0.2 mV (men from 40 years), "
        "0.25 mV (younger men), 0.15 mV (women)",
    ),
    "st_depression": (
        _depression,
        "ST depression",
        "J point at least 0.05 mV under the PR level in two neighbouring leads, horizontal or falling",
    ),
    "t_inversion": (
        _t_inversion,
        "T inversion",
        "T more than 0.1 mV negative in two neighbouring leads with prominent R (R over S); V1 is not counted",
    ),
    "q_waves": (
        _q_waves,
        "Pathological Q waves",
        "Q of 30 ms and 0.1 mV or QS in two neighbouring leads; in V2 and V3 Q over 20 ms or QS; QRS under 120 ms",
    ),
}
_SOURCE = "Thygesen et al., Fourth universal definition of myocardial infarction, Circulation 2018;138:e618"


def _rule(what: str, group: str):
    """Return the rule for one group of leads, with its name, criterion and source as its docstring."""
    judge, name, criterion = _WHAT[what]

    def rule(facts: Facts) -> Outcome:
        return judge(facts, group)

    rule.__name__ = f"{what}_{group}"
    rule.__doc__ = f"{name}, {group} leads ({', '.join(GROUPS[group])}).\n\nCriterion: {criterion}.\nSource: {_SOURCE}."
    return rule


ST_RULES = {f"{what}_{group}": _rule(what, group) for what in _WHAT for group in GROUPS}
