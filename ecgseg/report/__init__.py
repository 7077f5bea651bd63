"""Measurements → Report: words in which every number and every finding is one that was measured.

Research tool, not a medical device. A template words it, or a language model whose every sentence is checked.
"""

from ecgseg.report.checker import Verdict, check
from ecgseg.report.errors import ReportError
from ecgseg.report.files import Reported, Reporter, read_measurements
from ecgseg.report.model import SECTIONS, Report, Sentence
from ecgseg.report.template import template_report

__all__ = [
    "SECTIONS",
    "Report",
    "ReportError",
    "Reported",
    "Reporter",
    "Sentence",
    "Verdict",
    "check",
    "read_measurements",
    "template_report",
]
