"""Flat page and strips → trace positions with a confidence."""
