"""How well pages are read: the command line.

    python -m ecgseg.evaluate table=layouts_by_noise minutes=10     pages drawn over a grid of conditions
    python -m ecgseg.evaluate table=layouts_by_noise minutes=0 worst=10
    python -m ecgseg.evaluate folder=DIR                            pictures with their truth, <image>.npz beside each

What each option means is in configs/evaluate.yaml, the tables are in configs/table.
"""

import sys
from pathlib import Path

import hydra
from omegaconf import OmegaConf

from ecgseg.errors import EcgsegError
from ecgseg.paths import CONFIGS

# `out` differs between a folder's results, which are written once, and a table's, which grow from run to run.
OmegaConf.register_new_resolver("either", lambda asked, if_so, if_not: if_not if asked is None else if_so)


def evaluate(cfg, out: Path, name: str) -> float:
    """Do what the configuration says, write into the folder `out` and print; returns the mean dB of all pages."""
    from ecgseg.evaluation.running import reader

    if cfg.folder is not None:
        from ecgseg.digitize.digitizer import Digitizer
        from ecgseg.evaluation.folder import evaluate_folder

        return evaluate_folder(cfg, out, Digitizer.from_pretrained(**cfg.digitize))[-1]["mean"]
    from ecgseg.evaluation.report import report
    from ecgseg.evaluation.running import run
    from ecgseg.evaluation.tables import drawn, grouped

    rows = run(cfg, out)
    print(report(rows, cfg.down, cfg.across, out, name))
    if not rows:
        return float("nan")
    print(f"written to {out}: results.csv, tables.md and a CSV file of each table")
    if cfg.worst:
        from ecgseg.evaluation.drawing import stock
        from ecgseg.evaluation.worst import worst_rows, write_worst

        for path in write_worst(
            worst_rows(rows, cfg.worst, cfg.worst_of), stock(cfg), reader(cfg.digitize), out / "worst"
        ):
            print(path)
    rows = drawn(rows)
    return grouped(rows, ())[0]["mean"] if rows else float("nan")


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="evaluate")
def main(cfg) -> float:
    """Evaluate as configs/evaluate.yaml says."""
    from hydra.core.hydra_config import HydraConfig

    job = HydraConfig.get()
    try:
        return evaluate(cfg, Path(job.runtime.output_dir), job.runtime.choices.table)
    except EcgsegError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
