"""Traces → recording, checked."""
