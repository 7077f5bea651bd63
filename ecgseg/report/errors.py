"""What can go wrong when a report is made."""

from ecgseg.errors import EcgsegError


class ReportError(EcgsegError):
    """A report cannot be made as asked for: an option, a model or a file of measurements does not fit."""
