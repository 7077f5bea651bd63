"""The scale of a picture without a usable grid: from its calibration pulses, its text and rows, or the file's dpi.

A pulse is 1 mV high, so with the printed gain (10 mm/mV as a rule) it is a ruler. It is also the best one there is: an
error of its own scale cancels in every mV. Where no pulse is found, rows of a known number of seconds at a printed
speed are one, and then what the file says of its resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ecgseg.digitize.calibrate.calibration import PULSE_S, SEEN, WELL_READ
from ecgseg.digitize.calibrate.caption import GAINS, parse_calibration
from ecgseg.digitize.calibrate.ocr import TextLibraryError, read_lines
from ecgseg.digitize.calibrate.pulse import PulseSize, measure_pulse
from ecgseg.digitize.flat.grid import PX_PER_MM, flatten, grid_from_scale
from ecgseg.digitize.flat.skew import skew_deg
from ecgseg.digitize.locate.findings import Findings
from ecgseg.errors import GridError
from ecgseg.layout import LEADS

FLAT_PX_PER_MM = 8.0  # what the page network sees
MM_PER_INCH = 25.4
# Widths of sheets in mm to begin with: the network reads pages that are a quarter too large or too small.
LANDSCAPE_MM, PORTRAIT_MM = (280.0, 200.0, 400.0, 550.0), (205.0, 290.0)
REACH = 2.5  # factor by which a pulse may correct the first guess: beyond, too little is found to believe it
NEAR = 1.5  # beyond this factor only pulses as wide as usual are believed
ALIKE = 0.05  # pulses of one page differ by less (relative)
CLOSE = 0.02  # of a look's scale to the truth: nearer, a second look is not needed
DPI_AGREES = 0.03  # pulse and dpi: scanners and their drivers err by less
ROW_S = 10.0  # s of all twelve leads in rows of one, two or four strips, on any machine
ROWS_ALIKE = 0.02
ALL_LEADS = 10  # names of so many different leads make a page of twelve
_HINT = "give the scale with digitize.px_per_mm=… (dpi / 25.4 for a scan)"

Find = Callable[[np.ndarray], Findings]


@dataclass(frozen=True)
class Scale:
    """Pixels of the picture per mm of paper, how they were found, how sure that is (0..1), and what to warn of;
    `angle_deg`: by how much the page's rows run down.

    `how` is "pulse and text" (the printed gain was read), "pulse" (the gain was inferred), "text" (speed and length of
    the rows) or "dpi" (the file's).
    """

    px_per_mm: float
    how: str
    confidence: float
    warnings: tuple[str, ...] = ()
    angle_deg: float = 0.0


@dataclass(frozen=True)
class _Look:
    """What is found on a picture that is taken to have `px_per_mm`; heights and widths of pulses follow from that."""

    px_per_mm: float
    findings: Findings
    pulses: list[PulseSize]
    image: np.ndarray

    @property
    def height(self) -> float | None:
        """Return the highest plateau in mm of pulses that are alike, None where there are none."""
        heights = [p.height_mm for p in self.pulses]
        if not heights or max(heights) > (1 + ALIKE) * min(heights):
            return None
        return float(np.mean(heights))

    @property
    def merit(self) -> float:
        """Return how much is found, and how surely: each different lead's best name, and pulses that are alike."""
        best = {lead: max((n.score for n in self.findings.names if n.lead == lead), default=0.0) for lead in LEADS}
        pulses = max((p.score for p in self.pulses), default=0.0) if self.height else 0.0
        return sum(best.values()) / len(LEADS) + pulses


def scale_without_grid(pixels: np.ndarray, find: Find, dpi: float | tuple[float, float] | None = None) -> Scale:
    """Return the scale of a picture (H, W, 3) uint8 RGB of a flat page that shows no usable grid, upright or nearly so.

    `find` returns the findings of a flat page at 8 px/mm, and must bear a scale that is a quarter off; it is called
    two to four times. `dpi` is the file's, (x, y) or one for both, None where it says nothing believable. Raises
    GridError where neither pulse nor text nor dpi gives a scale.
    """
    from_file = _dpi_scale(dpi)
    angle_deg = skew_deg(pixels)

    def look_at(px_per_mm: float) -> _Look:
        return _look(pixels, px_per_mm, angle_deg, find)

    look = _best_look(pixels.shape, look_at, from_file)
    speed, gain = _read(look)
    scale = _by_pulse(look, speed, gain, look_at) or _by_rows(look, speed)
    if scale is None and from_file is None:
        raise GridError(
            f"no grid found, and nothing else that tells the scale: {len(look.findings.pulses)} calibration pulses "
            f"({len(look.pulses)} measured), {'no' if speed is None else 'a'} printed speed, no dpi in the file; "
            f"{_HINT}"
        )
    if scale is None:
        scale = Scale(from_file, "dpi", 0.5, (f"no grid: the file's {from_file * MM_PER_INCH:.0f} dpi were believed",))
    elif from_file is not None:
        scale = _beside_dpi(scale, from_file)
    return replace(scale, angle_deg=angle_deg)


def _dpi_scale(dpi: float | tuple[float, float] | None) -> float | None:
    """Return px/mm of a file's dpi, None where there is none or where its axes differ."""
    if dpi is None:
        return None
    x, y = dpi if isinstance(dpi, tuple) else (dpi, dpi)
    px_per_mm = (x + y) / 2 / MM_PER_INCH
    return px_per_mm if abs(x / y - 1) < CLOSE and PX_PER_MM[0] <= px_per_mm <= PX_PER_MM[1] else None


def _best_look(shape: tuple[int, ...], look_at: Callable[[float], _Look], from_file: float | None) -> _Look:
    """Return the look at the guess at which most is found; a good one with pulses ends the search."""
    h, w = shape[:2]
    guesses = [w / mm for mm in (LANDSCAPE_MM if w > h else PORTRAIT_MM)]
    looks = []
    for guess in [*([from_file] if from_file else []), *guesses]:
        if not PX_PER_MM[0] <= guess <= PX_PER_MM[1]:
            continue
        looks.append(look_at(guess))
        if looks[-1].merit > 1.5:  # nearly all names and a pulse: no other guess would show more
            break
    if not looks:
        raise GridError(f"no grid found, and a picture of {w}×{h} pixels is no page at 50 to 700 dpi; {_HINT}")
    return max(looks, key=lambda look: look.merit)


def _look(pixels: np.ndarray, px_per_mm: float, angle_deg: float, find: Find) -> _Look:
    flat = flatten(pixels, grid_from_scale(pixels, px_per_mm, angle_deg), FLAT_PX_PER_MM).image
    findings = find(flat)
    sizes = (measure_pulse(flat, box, FLAT_PX_PER_MM) for box in findings.pulses)
    return _Look(px_per_mm, findings, _alike([p for p in sizes if p is not None and p.score >= SEEN]), flat)


def _alike(pulses: list[PulseSize]) -> list[PulseSize]:
    """Return the pulses as high as most are, where these are more than half of them."""
    if not pulses:
        return []
    middle = float(np.median([p.height_mm for p in pulses]))
    near = [p for p in pulses if abs(p.height_mm / middle - 1) < ALIKE / 2]
    return near if 2 * len(near) > len(pulses) else pulses


def _read(look: _Look) -> tuple[float | None, float | None]:
    """Return the speed and the highest gain that the page states, None for what is not read, or read twice."""
    try:
        lines = read_lines(look.image, look.findings.texts)
    except TextLibraryError:
        return None, None
    texts = [parse_calibration(text) for text, score in lines if score >= WELL_READ]
    speeds = {t.speed for t in texts} - {None}
    gains = {t.gain if t.gain is not None else max(t.gains.values(), default=None) for t in texts} - {None}
    return (speeds.pop() if len(speeds) == 1 else None), (gains.pop() if len(gains) == 1 else None)


def _by_pulse(look: _Look, speed: float | None, gain: float | None, look_at: Callable[[float], _Look]) -> Scale | None:
    """Return the scale at which the pulses are as high as the gain says, after a second look if the first was off."""
    if look.height is None:
        return None
    height = look.height
    shown = gain or _likely_gain(height, look.pulses, speed)
    if shown is None or _off(height / shown) > np.log(REACH):
        return None
    px_per_mm, seen_twice = look.px_per_mm * height / shown, True
    if not PX_PER_MM[0] <= px_per_mm <= PX_PER_MM[1]:
        return None
    if abs(height / shown - 1) > CLOSE:
        again = look_at(px_per_mm)
        seen_twice = again.height is not None and abs(again.height / shown - 1) < ALIKE
        if seen_twice:
            look, px_per_mm = again, px_per_mm * again.height / shown
    confidence, warnings = (0.85, []) if gain else (0.5, [])
    warnings.append(f"no grid: the scale is that of the calibration pulses, taken as 1 mV at {shown:g} mm/mV")
    if not gain:
        warnings.append(f"no gain was read: if it is not {shown:g} mm/mV, times are wrong; {_HINT}")
    if not seen_twice or not _usual_width(look, look.px_per_mm / px_per_mm, speed):
        confidence /= 2
        warnings.append("the pulses are not as wide as usual, or were not found again at that scale")
    return Scale(px_per_mm, "pulse and text" if gain else "pulse", confidence, tuple(warnings))


def _likely_gain(height: float, pulses: list[PulseSize], speed: float | None) -> float | None:
    """Return the gain nearest to the first guess at which the pulses are as wide as usual, or the nearest of all."""
    width = float(np.median([p.width_mm for p in pulses]))
    usual = [g for g in GAINS if _off(height / g) < np.log(REACH) and _usual(width * g / height, speed)]
    near = [g for g in GAINS if _off(height / g) < np.log(NEAR)]
    return min(usual or near, key=lambda g: _off(height / g), default=None)


def _off(factor: float) -> float:
    """Return how far a factor is from 1, as a logarithm."""
    return float(abs(np.log(factor)))


def _usual_width(look: _Look, factor: float, speed: float | None) -> bool:
    return _usual(factor * float(np.median([p.width_mm for p in look.pulses])), speed)


def _usual(width_mm: float, speed: float | None) -> bool:
    """Return whether a pulse is as wide as machines draw it: 5 mm, or 0.2 s at the printed speed."""
    return min(abs(width_mm / usual - 1) for usual in (5.0, PULSE_S * (speed or 25.0))) < 0.12


def _by_rows(look: _Look, speed: float | None) -> Scale | None:
    """Return the scale at which the rows of a page of twelve leads are 10 s long; None where that is not certain."""
    leads = {name.lead for name in look.findings.names}
    rows = _rows(look.findings)
    if speed is None or len(leads) < ALL_LEADS or len(rows) < 3:
        return None
    ends = np.array([(x1 - x0) for _, x0, x1 in rows])
    length = float(np.median(ends))
    alike = abs(ends / length - 1) < ROWS_ALIKE
    baselines = np.array([y for y, _, _ in rows])
    count = np.bincount([int(np.argmin(abs(baselines - n.y))) for n in look.findings.names], minlength=len(rows))
    # Rows of three strips are 7.5 s long on some machines and 10 s on others.
    strips = float(np.median(count))
    factor = length / FLAT_PX_PER_MM / (ROW_S * speed)
    if alike.sum() < 3 or alike.mean() < 0.75 or strips not in (1.0, 2.0, 4.0) or _off(factor) > np.log(NEAR):
        return None
    warning = f"no grid and no pulse: the rows were taken as {ROW_S:g} s long at the printed {speed:g} mm/s; {_HINT}"
    return Scale(look.px_per_mm * factor, "text", 0.4, (warning,))


def _rows(findings: Findings) -> list[tuple[float, float, float]]:
    """Return (baseline, start, end) of each row: stretches within 3 mm of height are pieces of one."""
    rows: list[list[float]] = []
    for s in sorted(findings.stretches, key=lambda s: s.baseline):
        if rows and s.baseline - rows[-1][0] < 3 * FLAT_PX_PER_MM:
            rows[-1][1:] = [min(rows[-1][1], s.x0), max(rows[-1][2], s.x1)]
        else:
            rows.append([s.baseline, s.x0, s.x1])
    return [(y, x0, x1) for y, x0, x1 in rows]


def _beside_dpi(scale: Scale, from_file: float) -> Scale:
    """Return a scale found on the page, surer where the file's dpi agree with it and less sure where they do not."""
    if abs(from_file / scale.px_per_mm - 1) < DPI_AGREES:
        return Scale(scale.px_per_mm, scale.how, max(scale.confidence, 0.9), scale.warnings)
    warning = (
        f"the file says {from_file * MM_PER_INCH:.0f} dpi, the page {scale.px_per_mm * MM_PER_INCH:.0f}: the page was "
        f"believed; if it is wrong, {_HINT}"
    )
    return Scale(scale.px_per_mm, scale.how, min(scale.confidence, 0.4), (*scale.warnings, warning))
