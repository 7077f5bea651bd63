"""Image -> Recording: the whole way from a picture of a page to a calibrated recording, one call."""

import platform
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np

from ecgseg.digitize.assemble.assemble import assemble, verify_layout
from ecgseg.digitize.assemble.verify import lead_quality, verify
from ecgseg.digitize.calibrate.calibration import Calibration, calibrate
from ecgseg.digitize.calibrate.scale import scale_without_grid
from ecgseg.digitize.files.read import Picture, read_picture
from ecgseg.digitize.flat.bent import flatten_bent
from ecgseg.digitize.flat.field import see_field
from ecgseg.digitize.flat.flatten import flat_page
from ecgseg.digitize.flat.grid import FlatPage, flatten, grid_from_scale
from ecgseg.digitize.locate.find import PageMaps, look
from ecgseg.digitize.locate.findings import Findings
from ecgseg.digitize.locate.locate import Located, locate
from ecgseg.digitize.options import Options, load_options
from ecgseg.errors import GridError, LayoutError
from ecgseg.nets.plain import STRIDE
from ecgseg.nets.runtime import open_net, usable_device
from ecgseg.recording import Recording

FLAT_PX_PER_MM = 8.0  # what the shipped networks were trained at: 200 dpi, 0.125 mm a pixel
AGREES = 0.8  # of leads with the laws between them: a page that lies upright, read in its layout, has more
PLAINLY = 0.2  # better agreement that makes a turned page believed
MAYBE = 0.15  # probability from which a page's text may lie so
MIRRORED = 0.9
LIES = {1: "on its side (its top to the right)", 2: "upside down", 3: "on its side (its top to the left)"}
HOW = {
    "measured": "measured from the grid",
    "followed": "measured from the grid, followed over bent paper",
    "given": "given as digitize.px_per_mm",
    "pulse and text": "no grid: calibration pulses and the printed gain",
    "pulse": "no grid: calibration pulses",
    "text": "no grid: the length of the rows and the printed speed",
    "dpi": "no grid: the dpi that the file tells",
}


@dataclass(frozen=True)
class Reading:
    """A recording with all that an overlay needs: the flat page, where its strips are, and their traces.

    `traces` holds per strip of `located` the arrays x, y (flat px) and confidence (0..1).
    """

    recording: Recording
    flat: FlatPage
    located: Located
    traces: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    calibration: Calibration


@dataclass(frozen=True)
class _Page:
    """A flat page read one way up; `agreement` 0..1 is how its leads obey the laws between them."""

    flat: FlatPage
    findings: Findings
    calibration: Calibration
    located: Located
    traces: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    recording: Recording
    agreement: float


@dataclass(frozen=True)
class Nets:
    """The networks: `page` finds what is where, `name` reads names, `strip` a row's trace, `grid` sees bent paper."""

    page: object
    name: object
    strip: object
    grid: object = None
    about: dict = field(default_factory=dict)


class Digitizer:
    """Turns pictures of ECG pages into recordings: `Digitizer.from_pretrained()(image) -> Recording`."""

    def __init__(self, nets: Nets, options: Options, device: str = "cpu"):
        self.nets = nets
        self.options = options
        self.device = device

    @classmethod
    def from_pretrained(cls, weights=None, device=None, **options) -> "Digitizer":
        """Load the shipped weights (or those at the path `weights`) onto `device` (a GPU if there is one).

        `options` are the keys of configs/digitize/default.yaml; raises OptionError for one that is unknown or
        unusable and WeightsError for weights that cannot be loaded.
        """
        checked = load_options(weights=None if weights is None else str(weights), device=device, **options)
        where = usable_device(checked.device)
        paths = {"strip": checked.weights, **{k: getattr(checked, f"{k}_weights") for k in ("page", "name", "grid")}}
        nets = {kind: open_net(kind, path, where, checked.runtime) for kind, path in paths.items()}
        strip = nets["strip"].about
        about = {**strip, **{kind: net.about for kind, net in nets.items() if kind != "strip"}}
        return cls(Nets(**nets, about=about), checked, where)

    def __call__(self, image) -> Recording:
        """Digitize a file or an (H, W, 3) uint8 RGB array; raises an EcgsegError that says what is wrong."""
        return self.read(image).recording

    def read(self, image) -> Reading:
        """Digitize a file, a Picture or an array like a call; return also the flat page, its strips and their traces.

        A Picture's dpi is used where nothing on the page tells its scale.
        """
        clock = _Clock({})
        name, dpi = "image", None
        if isinstance(image, np.ndarray):
            pixels = _as_rgb(image)
        else:
            picture = image
            if not isinstance(image, Picture):
                name, picture = Path(image).stem, read_picture(image, max_pixels=self.options.max_pixels)
            pixels, dpi = picture.pixels, picture.dpi
        clock.lap("read")
        flat, said = self._flat(pixels, dpi)
        clock.lap("flatten")
        page = self._upright(flat, clock)
        turns, recording = page.flat.turns, page.recording
        recording.name = name
        recording.quality = lead_quality(recording)
        recording.warnings = [
            *said,
            *flat.grid.warnings,
            *([f"the page was {LIES[turns]}; it was turned before it was read"] if turns else []),
            *page.calibration.warnings,
            *page.located.warnings,
            *recording.warnings,
            *verify(recording),
        ]
        clock.lap("assemble")
        recording.provenance.update(self._provenance(pixels.shape, page, clock.laps))
        return Reading(recording, page.flat, page.located, page.traces, page.calibration)

    def _flat(self, pixels: np.ndarray, dpi) -> tuple[FlatPage, tuple[str, ...]]:
        """Return the flat page by the scale given, by its grid, or by what else tells the scale; and warnings."""
        given = self.options.px_per_mm
        try:
            return flat_page(pixels, given, self.nets.grid), ()
        except GridError as error:
            if given is not None:
                raise
            refused = error
        if self._sees_grid(pixels):
            # Where there is a grid the page may be tilted or bent: pulses tell nothing of that, but following the
            # lines from where they are plainest does, slowly.
            try:
                return flatten_bent(pixels, FLAT_PX_PER_MM), ()
            except GridError:
                raise refused from None
        try:
            scale = scale_without_grid(pixels, lambda image: self._look(image)[1], dpi)
        except GridError as error:
            raise GridError(f"{refused}; without it: {error}") from error
        grid = replace(grid_from_scale(pixels, scale.px_per_mm), source=scale.how, confidence=scale.confidence)
        warning = f"no usable grid: the scale is from {HOW[scale.how].removeprefix('no grid: ')}"
        return flatten(pixels, grid, FLAT_PX_PER_MM), (warning, *scale.warnings)

    def _sees_grid(self, pixels: np.ndarray) -> bool:
        try:
            see_field(pixels, self.nets.grid)
        except GridError:
            return False
        return True

    def _look(self, image: np.ndarray) -> tuple[PageMaps, Findings]:
        return look(self.nets.page, self.nets.name, image)

    def _upright(self, flat: FlatPage, clock: "_Clock") -> _Page:
        """Read the page as its text lies and, where its leads do not obey what they must, also turned.

        Upside down, or on its side, a page's rows may still be found, but leads in the wrong places break Einthoven's
        and Goldberger's laws and the rhythm strip repeats no short strip. Raises what reading the page as it lies
        raises if no turn helps, and LayoutError for a page seen in a mirror.
        """
        seen = self._look(flat.image)
        maps = seen[0]
        clock.lap("find")
        if maps.lies[4:].sum() > MIRRORED:
            raise LayoutError("the page is seen in a mirror or from behind: flip the picture left to right first")
        # Where the text does not tell for certain, each way that it may lie is tried.
        likely = [int(k) for k in np.argsort(-maps.lies[:4]) if maps.lies[k] > MAYBE]
        read, refused = [], None
        for turns in likely:
            read, refused = self._tried(read, refused, flat.turned(turns), None if turns else seen, clock)
        if not read or max(page.agreement for page in read) < AGREES:
            first = likely[0]
            for more in (1, 2, 3) if not read else (2,):
                if (first + more) % 4 not in likely:
                    read, refused = self._tried(read, refused, flat.turned(first + more), None, clock)
        if not read:
            raise refused
        best = max(read, key=_belief)
        # A page is read as its text lies unless another way is plainly better.
        return best if _belief(best) > _belief(read[0]) + PLAINLY else read[0]

    def _tried(self, read: list, refused, flat: FlatPage, seen, clock: "_Clock") -> tuple[list, LayoutError | None]:
        """Return `read` with one more reading, or the first reason why there is none."""
        try:
            return [*read, self._read_flat(flat, seen, clock)], refused
        except LayoutError as error:
            return read, refused or error

    def _read_flat(self, flat: FlatPage, seen: tuple[PageMaps, Findings] | None, clock: "_Clock") -> _Page:
        """Read a flat page as it lies; `seen` is what was found on it, None where it was not yet looked at."""
        opt = self.options
        maps, findings = seen or self._look(flat.image)
        clock.lap("find")
        calibration = calibrate(findings, flat.image, FLAT_PX_PER_MM, opt.speed, opt.gain)
        clock.lap("calibrate")
        located = locate(findings, FLAT_PX_PER_MM, calibration.speed, opt.layout, trace=maps.trace)
        clock.lap("locate")
        located, traces = self._trace(flat, located, calibration.speed)
        clock.lap("trace")
        recording = assemble(
            located.strips,
            traces,
            FLAT_PX_PER_MM,
            calibration.speed,
            {strip.lead: calibration.gain_of(strip.lead) for strip in located.strips},
            fs=opt.fs,
            seconds=located.seconds,
            provenance={"map_error_mm": flat.error_mm} if np.isfinite(flat.error_mm) else {},
        )
        # Of unnamed strips nothing can be checked; verify says in words what is off.
        agreement = verify_layout(recording, located.layout)[0] if located.layout else 0.5
        clock.lap("assemble")
        return _Page(flat, findings, calibration, located, traces, recording, agreement)

    def _trace(self, flat: FlatPage, located: Located, speed: float):
        if self.options.method == "classic":
            from ecgseg.classic import classic_digitize

            return located, classic_digitize(flat.image, located.strips, FLAT_PX_PER_MM, speed)
        from ecgseg.digitize.trace.trace import trace_strips

        height = round(self.options.row_mm * FLAT_PX_PER_MM / STRIDE) * STRIDE
        strips, traces = trace_strips(
            self.nets.strip, flat.image, located.strips, height, again=self.options.look_again
        )
        return replace(located, strips=strips), traces

    def _provenance(self, shape, page: _Page, seconds: dict) -> dict:
        opt, grid, located, calibration = self.options, page.flat.grid, page.located, page.calibration
        return {
            "software": "ecgseg",
            "versions": versions(),
            "weights": self.nets.about,
            "device": self.device,
            "runtime": getattr(self.nets.strip, "runtime", "torch"),
            "method": opt.method,
            "image": {"width": int(shape[1]), "height": int(shape[0])},
            "scale": {
                "how": HOW[grid.source],
                "px_per_mm_x": float(grid.px_per_mm_x),
                "px_per_mm_y": float(grid.px_per_mm_y),
                "angle_deg": float(grid.angle_deg),
                "turned_deg": 90 * page.flat.turns,
                "confidence": float(grid.confidence),
                "residual_mm": float(grid.residual_mm) if np.isfinite(grid.residual_mm) else None,
            },
            "speed_mm_s": float(calibration.speed),
            "gain_mm_mv": float(calibration.gain),
            "gains_mm_mv": {group: float(gain) for group, gain in calibration.gains.items()},
            "calibration": {
                "how": calibration.how,
                "speed_confidence": float(calibration.speed_confidence),
                "gain_confidence": float(calibration.gain_confidence),
            },
            "layout": {
                "name": located.layout.name if located.layout else "unnamed",
                "confidence": float(located.confidence),
                "agreement": page.agreement,
                "names_agreeing": located.names_agreeing,
                "names_contradicting": located.names_contradicting,
                "how": "recognised" if opt.layout is None else "digitize.layout",
            },
            "step_seconds": {step: round(s, 3) for step, s in seconds.items()},
        }


def _belief(page: _Page) -> float:
    """Return how much a reading is to be believed against the same page turned: its leads' agreement and its names'."""
    agree, contradict = page.located.names_agreeing, page.located.names_contradicting
    return page.agreement + (agree - contradict) / max(agree + contradict, 4)


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
    for package in ("ecgseg", "torch", "onnxruntime", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _as_rgb(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"an image must be (H, W, 3) RGB or (H, W) grey uint8, not {image.shape} {image.dtype}")
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
