"""What a rule may ask for, and how it answers."""

from dataclasses import dataclass, field

from ecgseg.measure.leadwaves import NO_WAVE
from ecgseg.measure.model import ABSENT, PRESENT, Measurement


class Missing(Exception):
    """A rule needs what is not there; the message says what."""


@dataclass(frozen=True)
class Outcome:
    """A rule's answer: is it there, in which leads, by which measurements (empty: all that were asked for)."""

    there: bool
    leads: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return PRESENT if self.there else ABSENT


@dataclass
class Facts:
    """Measurements by key, sex and age; `used` collects the keys that were asked for."""

    values: dict[str, Measurement]
    sex: str | None
    age: float | None
    used: list[str] = field(default_factory=list)

    def need(self, key: str) -> float:
        """Return a number; raises Missing with the measurement's own reason."""
        value = self.maybe(key)
        if value is None:
            raise Missing(
                f"{key} is missing: {self.values[key].reason if key in self.values else 'not in the recording'}"
            )
        return value

    def maybe(self, key: str) -> float | None:
        """Return a number or None."""
        if key not in self.used:
            self.used.append(key)
        return self.values[key].value if key in self.values else None

    def wave(self, name: str, lead: str) -> float:
        """Return a wave's amplitude (mV) or duration (ms), 0 where the lead was measured and has no such wave."""
        key = f"{name}.{lead}"
        value = self.maybe(key)
        if value is None and key in self.values and self.values[key].reason == NO_WAVE:
            return 0.0
        return self.need(key) if value is None else value

    def deepest(self, lead: str) -> float:
        """Return how deep the QRS goes below the PR level in a lead (mV, positive): S, or Q of a QS."""
        s = -self.wave("s_amplitude", lead)
        return s if s else -self.wave("q_amplitude", lead)

    def measured(self, leads: tuple[str, ...]) -> list[str]:
        """Return those of the leads in which amplitudes were measured."""
        return [
            lead for lead in leads if f"st_j.{lead}" in self.values and self.values[f"st_j.{lead}"].value is not None
        ]
