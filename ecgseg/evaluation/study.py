"""python -m ecgseg.evaluation.study --pages 24: the original study's pages, read by its pipeline and by the network.

The pages have no grid, no pulse and no name, so both are told the scale; the study's noise is laid on them.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from ecgseg.alignment import PrintedLead
from ecgseg.classic import classic_study_page
from ecgseg.errors import EcgsegError
from ecgseg.metrics import score_page, summary
from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.render.capture.noise import PATTERNS, salt_and_pepper, tiled_pattern
from ecgseg.render.study import StudyPage, excerpt, panel_page
from ecgseg.simulate import add_artefacts, simulate

SECONDS = 10.0
STRENGTH = 0.3  # of the pattern
NETWORK_GAIN = 14.0  # mm/mV: at 10 the lines are too thin and at 18 drifts are too tall for the network

Read = Callable[[np.ndarray, StudyPage, tuple[str, ...]], Recording]


def pattern(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay one of the study's patterns on a page."""
    return tiled_pattern(image, str(rng.choice(PATTERNS)), STRENGTH)


CONDITIONS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "none": lambda image, rng: image,
    "salt and pepper": salt_and_pepper,
    "pattern": pattern,
    "both": lambda image, rng: salt_and_pepper(pattern(image, rng), rng),
}


def classic(highpass_hz: float | None = None) -> Read:
    """Return the study's own pipeline, with or without the high-pass that is its last step."""

    def read(image: np.ndarray, page: StudyPage, leads: tuple[str, ...]) -> Recording:
        return classic_study_page(image, leads, SECONDS, highpass_hz=highpass_hz)

    return read


def exact(image: np.ndarray, page: StudyPage, leads: tuple[str, ...]) -> Recording:
    """Return the height that was drawn at each pixel column: more is not on the page."""
    x = np.arange(image.shape[1], dtype=float)
    signal = [(page.baselines[k] - np.interp(x, *page.points[k].T, right=np.nan)) / page.px_per_mv for k in leads]
    first = int(np.ceil(min(page.points[k][0, 0] for k in leads)))
    return Recording("study", np.asarray(signal, np.float32)[:, first:], page.px_per_s, leads)


def network(weights: str | None = None) -> Read:
    """Return the digitizer, told where on the time and mV axes a study page's pixels lie."""
    from ecgseg.digitize.digitizer import Digitizer

    digitizers: dict[tuple[float, float], Digitizer] = {}

    def read(image: np.ndarray, page: StudyPage, leads: tuple[str, ...]) -> Recording:
        key = page.px_per_mv, page.px_per_s
        if key not in digitizers:
            scale = page.px_per_mv / NETWORK_GAIN
            told = {"px_per_mm": scale, "speed": page.px_per_s / scale, "gain": NETWORK_GAIN, "layout": "panel"}
            digitizers[key] = Digitizer.from_pretrained(weights, **told)
        return digitizers[key](image)

    return read


def pages(count: int, seed: int) -> Iterator[tuple[np.random.Generator, StudyPage, tuple[PrintedLead, ...]]]:
    """Yield clean study pages of validation patients and of simulated hearts in turn, and what is printed on them."""
    records = load_records(None, "val")
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        if number % 2:
            recording = add_artefacts(simulate(rng, seconds=SECONDS), rng)
        else:
            recording = records[number // 2 % len(records)]
        printed = excerpt(recording, SECONDS)
        leads = recording.leads[:4]
        truth = tuple(PrintedLead(lead, y, recording.fs) for lead, y in zip(leads, printed[:4], strict=True))
        yield rng, panel_page(recording, leads, seconds=SECONDS), truth


def scored(read: Read, image: np.ndarray, page: StudyPage, truth: tuple[PrintedLead, ...]) -> tuple[float, float]:
    """Return the ratio of signal to noise of a page's leads, 1 where it is refused, and the median of their r."""
    try:
        found = read(image, page, tuple(lead.lead for lead in truth))
    except EcgsegError:
        return 1.0, np.nan
    score = score_page(truth, dict(zip(found.leads, found.signal, strict=True)), found.fs)
    return score.ratio, float(np.median([lead.r for lead in score.leads]))


def main() -> None:
    """Print a table: each way to read on each kind of noise, the same pages."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.evaluation.study", description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", help="weights of the strip network instead of the shipped ones")
    args = parser.parse_args()
    ways = {
        "what was drawn, at each column": exact,
        "the study's pipeline": classic(0.5),
        "without its high-pass": classic(),
        "network": network(args.weights),
    }
    print("| noise | way | mean dB | median | 10th percentile | r | refused |\n|---|---|---|---|---|---|---|")
    for noise, lay in CONDITIONS.items():
        results = {way: [] for way in ways}
        for rng, page, truth in pages(args.pages, args.seed):
            image = lay(page.image, rng)
            for way, read in ways.items():
                results[way].append(scored(read, image, page, truth))
        for way, values in results.items():
            ratio, r = np.array(values).T
            told, refused = summary(ratio, cap=None), int(np.isnan(r).sum())
            figures = " | ".join(f"{told[k]:.1f}" for k in ("mean", "median", "p10"))
            print(f"| {noise} | {way} | {figures} | {np.nanmedian(r):.3f} | {refused} |", flush=True)


if __name__ == "__main__":
    main()
