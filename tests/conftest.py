"""What test processes must know before any library is imported."""

import os

# They run side by side, with a thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# As ecgseg.archive.on_ray has it; tests import Ray before it does.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
