"""Image -> Recording: the whole way from a picture of a page to a calibrated recording, one call."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np

from ecgseg.digitize.assemble import assemble, verify_layout
from ecgseg.digitize.bent import flatten_bent
from ecgseg.digitize.grid import FlatPage, flatten, grid_from_scale, measure_grid
from ecgseg.digitize.ink import trace_mask
from ecgseg.digitize.locate import Located, locate
from ecgseg.digitize.options import OptionError, Options, load_options
from ecgseg.digitize.read import read_image
from ecgseg.digitize.verify import lead_quality, verify
from ecgseg.errors import GridError, LayoutError
from ecgseg.recording import Recording

AGREES = 0.8  # of leads with the laws between them: a page that lies upright, read in its layout, has more
PLAINLY = 0.2  # better agreement that makes a turned page believed
LIES = {1: "on its side (its top to the right)", 2: "upside down", 3: "on its side (its top to the left)"}
FLAT_ENOUGH_MM = 0.06  # rms of a flat-bed scan's lines about one plane; more is bent paper or a tilted camera
HOW = {
    "measured": "measured from the grid",
    "followed": "measured from the grid, followed over bent paper",
    "given": "given as digitize.px_per_mm",
}
FLAT_PX_PER_MM = 8.0  # what the shipped networks were trained at: 200 dpi, 0.125 mm a pixel


@dataclass(frozen=True)
class Reading:
    """A recording with all that an overlay needs: the flat page, where its strips are, and their traces.

    `traces` holds per strip of `located` the arrays x, y (flat px) and confidence (0..1).
    """

    recording: Recording
    flat: FlatPage
    located: Located
    traces: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


class Digitizer:
    """Turns pictures of ECG pages into recordings: `Digitizer.from_pretrained()(image) -> Recording`."""

    def __init__(self, net, options: Options, device: str = "cpu", weights_info: dict | None = None):
        self.net = net
        self.options = options
        self.device = device
        self.weights_info = weights_info or {}

    @classmethod
    def from_pretrained(cls, weights=None, device=None, **options) -> "Digitizer":
        """Load the shipped weights (or those at the path `weights`) onto `device` (a GPU if there is one).

        `options` are the keys of configs/digitize/default.yaml; raises OptionError for one that is unknown or
        unusable and WeightsError for weights that cannot be loaded.
        """
        # Options first: a typing mistake should not cost the seconds that importing torch takes.
        checked = load_options(weights=None if weights is None else str(weights), device=device, **options)
        import torch

        from ecgseg.nets.weights import load_net

        where = checked.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(0, device=where)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise OptionError(f"digitize.device is '{where}', which cannot be used here: {reason}") from error
        net, info = load_net(checked.weights, device=where)
        return cls(net, checked, where, info)

    def __call__(self, image) -> Recording:
        """Digitize a file or an (H, W, 3) uint8 RGB array; raises an EcgsegError that says what is wrong."""
        return self.read(image).recording

    def read(self, image) -> Reading:
        """Digitize like a call, and return also the flat page, its strips and their traces."""
        opt = self.options
        seconds: dict[str, float] = {}
        clock = _Clock(seconds)
        name = "image" if isinstance(image, np.ndarray) else Path(image).stem

        pixels = _as_rgb(image) if isinstance(image, np.ndarray) else read_image(image, opt.max_pixels)
        clock.lap("read")
        flat = flat_page(pixels, opt.px_per_mm)
        grid = flat.grid
        clock.lap("flatten")
        flat, located, traces, recording, agreement = self._upright(flat, clock)
        recording.name = name
        recording.quality = lead_quality(recording)
        turned = [] if not flat.turns else [f"the page was {LIES[flat.turns]}; it was turned before it was read"]
        recording.warnings = [*grid.warnings, *turned, *located.warnings, *recording.warnings, *verify(recording)]
        clock.lap("assemble")
        recording.provenance.update(self._provenance(pixels.shape, flat, located, agreement, seconds))
        return Reading(recording, flat, located, traces)

    def _upright(self, flat: FlatPage, clock: "_Clock") -> tuple:
        """Read the page as it lies and, where its leads do not obey what they must, also turned.

        Returns the flat page that was read, its strips, traces, recording and agreement. Upside down, or on its side,
        a page's rows may still be found, but leads in the wrong places break Einthoven's and Goldberger's laws and
        the rhythm strip repeats no short strip. Raises what reading the page as it lies raises if no turn helps.
        """
        read, refused = [], None
        try:
            read.append(self._read_flat(flat, clock))
        except LayoutError as error:
            refused = error
        if not read or read[0][-1] < AGREES:
            for turns in (1, 3) if refused else (2,):
                try:
                    read.append(self._read_flat(flat.turned(turns), clock))
                except LayoutError:
                    continue
        if not read:
            raise refused
        best = max(read, key=lambda r: r[-1])
        # A page is read as it lies unless another way is plainly better.
        return best if refused or best[-1] > read[0][-1] + PLAINLY else read[0]

    def _read_flat(self, flat: FlatPage, clock: "_Clock") -> tuple:
        """Return the flat page, its strips, traces and recording, and how the recording agrees with its layout."""
        opt = self.options
        mask = trace_mask(self.net, flat.image, self.device)
        clock.lap("mask")
        located = locate(mask, FLAT_PX_PER_MM, speed=opt.speed, layout=opt.layout)
        clock.lap("locate")
        traces = self._trace(flat, located)
        clock.lap("trace")
        recording = assemble(
            located.strips,
            traces,
            FLAT_PX_PER_MM,
            opt.speed,
            opt.gain,
            fs=opt.fs,
            seconds=located.layout.seconds,
        )
        agreement, _ = verify_layout(recording, located.layout)  # verify says it in words
        clock.lap("assemble")
        return flat, located, traces, recording, agreement

    def _trace(self, flat: FlatPage, located: Located):
        if self.options.method == "classic":
            from ecgseg.classic import classic_digitize

            return classic_digitize(flat.image, located.strips, FLAT_PX_PER_MM, self.options.speed)
        from ecgseg.digitize.trace import trace_strips

        return trace_strips(self.net, flat.image, located.strips)

    def _provenance(self, shape, flat: FlatPage, located: Located, agreement: float, seconds: dict) -> dict:
        opt, grid = self.options, flat.grid
        return {
            "software": "ecgseg",
            "versions": versions(),
            "weights": self.weights_info,
            "device": self.device,
            "method": opt.method,
            "image": {"width": int(shape[1]), "height": int(shape[0])},
            "scale": {
                "how": HOW[grid.source],
                "px_per_mm_x": float(grid.px_per_mm_x),
                "px_per_mm_y": float(grid.px_per_mm_y),
                "angle_deg": float(grid.angle_deg),
                "turned_deg": 90 * flat.turns,
                "confidence": float(grid.confidence),
                "residual_mm": float(grid.residual_mm) if np.isfinite(grid.residual_mm) else None,
            },
            "speed_mm_s": float(opt.speed),
            "gain_mm_mv": float(opt.gain),
            "layout": {
                "name": located.layout.name,
                "confidence": float(located.confidence),
                "agreement": agreement,
                "how": "recognised" if opt.layout is None else "digitize.layout",
            },
            "step_seconds": {step: round(s, 3) for step, s in seconds.items()},
        }


def flat_page(pixels: np.ndarray, px_per_mm: float | None) -> FlatPage:
    """Return the flat page of a picture (H, W, 3) uint8, by the scale given or by its grid.

    A flat scan's grid is measured as one plane; where it does not lie in one, or none is found so, its lines are
    followed over the bent paper. Raises GridError, saying what the flat way found, where both fail.
    """
    if px_per_mm is not None:
        return flatten(pixels, grid_from_scale(pixels, px_per_mm), FLAT_PX_PER_MM)
    try:
        grid = measure_grid(pixels)
    except GridError as flat_error:
        try:
            return flatten_bent(pixels, FLAT_PX_PER_MM)
        except GridError:
            raise flat_error from None
    if grid.residual_mm > FLAT_ENOUGH_MM:
        try:
            bent = flatten_bent(pixels, FLAT_PX_PER_MM)
        except GridError:
            return flatten(pixels, grid, FLAT_PX_PER_MM)
        if bent.grid.residual_mm < grid.residual_mm / 2:
            return bent
    return flatten(pixels, grid, FLAT_PX_PER_MM)


class _Clock:
    """Adds the seconds since the last lap to what is under each step's name."""

    def __init__(self, laps: dict[str, float]):
        self.laps, self.last = laps, perf_counter()

    def lap(self, step: str) -> None:
        now = perf_counter()
        self.laps[step], self.last = self.laps.get(step, 0.0) + now - self.last, now


def versions() -> dict[str, str]:
    """Return the versions of what made a recording; `not installed` for a package run from its folder."""
    found = {"python": platform.python_version()}
    for package in ("ecgseg", "torch", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _as_rgb(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"an image must be (H, W, 3) RGB or (H, W) grey uint8, not {image.shape} {image.dtype}")
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
