"""One table and one plot of all runs of a sweep, brought up to date as each run ends."""

import csv
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

_COLUMNS = ("run", "noise", "val/snr_db", "val/snr_median_db", "val/snr_p10_db", "val/dice", "val/iou")


def write_plot(rows: list[dict], path: Path) -> None:
    """Draw SNR and Dice of every run as bars to a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    names = [r["noise"] or r["run"] for r in rows]
    for axis, key, label in zip(axes, ("val/snr_db", "val/dice"), ("SNR, dB", "Dice of the mask"), strict=True):
        axis.bar(range(len(rows)), [float(r[key] or "nan") for r in rows])
        axis.set_xticks(range(len(rows)), names, rotation=20)
        axis.set_ylabel(label)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def in_sweep() -> bool:
    """Return whether this run is one of a hydra sweep (-m)."""
    mode = HydraConfig.get().mode
    return mode is not None and mode.name == "MULTIRUN"


def record_run(cfg: DictConfig, metrics: dict[str, float]) -> None:
    """Add a finished run to the sweep's `runs.csv` and `runs.png` and print the table; nothing outside a sweep."""
    if not in_sweep():
        return
    hydra = HydraConfig.get()
    folder = Path(hydra.sweep.dir)
    table = folder / "runs.csv"
    rows = list(csv.DictReader(table.open())) if table.is_file() else []
    name = hydra.job.override_dirname
    row = {"run": name, "noise": (cfg.get("noise") or {}).get("name", "")}
    row |= {k: f"{metrics[k]:.4f}" if k in metrics else "" for k in _COLUMNS[2:]}
    rows = [r for r in rows if r["run"] != name] + [row]
    folder.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    write_plot(rows, folder / "runs.png")
    print(
        "\n".join(
            " | ".join(f"{r[c]:>10}" for c in _COLUMNS) for r in [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *rows]
        )
    )
