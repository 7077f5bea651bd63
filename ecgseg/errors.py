"""Errors a user can act on: each message says what was found, what was expected and what to do."""


class EcgsegError(Exception):
    """A problem with the input or the options; a command line prints it without a traceback."""


class ReadError(EcgsegError):
    """The file cannot be read as a picture of an ECG."""


class GridError(EcgsegError):
    """No trustworthy ECG grid was found, or the given scale makes no sense."""


class LayoutError(EcgsegError):
    """The strips of the page cannot be matched to a layout."""


class WeightsError(EcgsegError):
    """The network's weights are missing, damaged or of another model."""


class OptionError(EcgsegError):
    """An option has an unknown name or a value that cannot be used."""


class RecordError(EcgsegError):
    """A file of a recording (WFDB, CSV) is missing, damaged or not a 12-lead ECG."""
