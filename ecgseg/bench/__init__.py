"""What everything costs, measured in one run: python -m ecgseg.bench."""
