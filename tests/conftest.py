"""Test processes run side by side: each takes one thread, and is told so before any library counts the cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
