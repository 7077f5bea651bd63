"""Where the configs, weights and embedded data are, in a checkout and in an installed wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# In a checkout the configs lie beside the package; a wheel carries them inside it.
CONFIGS = PACKAGE / "configs" if (PACKAGE / "configs").is_dir() else PACKAGE.parent / "configs"
WEIGHTS = PACKAGE / "weights"
DATA = PACKAGE / "data"
EXAMPLES = PACKAGE / "examples"
