"""Simulated recordings of hearts that small data sets lack, and artefacts for any recording."""

from ecgseg.simulate.artefacts import ARTEFACTS, add_artefacts
from ecgseg.simulate.kinds import KINDS
from ecgseg.simulate.record import Truth, simulate, simulate_with_truth

__all__ = ["ARTEFACTS", "KINDS", "Truth", "add_artefacts", "simulate", "simulate_with_truth"]
