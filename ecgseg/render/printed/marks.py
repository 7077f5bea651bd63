"""What a machine prints beside the traces: lead names, separators, frames, speed and gain."""

import numpy as np

from ecgseg.layout import Strip
from ecgseg.render.printed.placing import MARGIN, Box, Frame
from ecgseg.render.printed.primitives import Line, Scene, Text, Trace
from ecgseg.render.printed.style import Style, pick

LETTER = 0.62  # usual width of a letter relative to the font size
_ROMAN = {"I": "1", "II": "2", "III": "3"}
_SPEEDS = {
    "{s:g} mm/s": 25, "{s:g}mm/s": 30, "{s:g}mm/sec": 6, "{s:g} mm/sec": 6, "Speed: {s:g} mm/sec": 7,
    "Speed: {s:g}mm/s": 6, "Vel. {s:g} mm/s": 4, "{s:.1f} mm/s": 5, "v = {s:g} mm/s": 2, "Vorschub {s:g} mm/s": 1,
}  # fmt: skip
_GAINS = {
    "{g:g} mm/mV": 26, "{g:g}mm/mV": 32, "Gain: {g:g} mm/mV": 6, "{g:.1f} mm/mV": 8, "1 mV = {g:g} mm": 4,
    "Ampl. {g:g} mm/mV": 3, "{g:g} mm/mv": 2, "Limb: {g:g} mm/mV  Chest: {c:g} mm/mV": 10, "1mV={g:g}mm": 2,
    "Limb: {g:g} mm/mV   Chest: {c:.1f} mm/mV": 4,
}  # fmt: skip
_MIXED_GAINS = {
    "{g:g}/{c:g} mm/mV": 5, "Limb: {g:g} mm/mV  Chest: {c:g} mm/mV": 6, "Limbs {g:g}mm/mV Precordial {c:g}mm/mV": 2,
    "{g:g}-{c:g} mm/mV": 1,
}  # fmt: skip


def spell(strip: Strip, style: Style) -> str:
    """Return a strip's lead name as the style writes it; -aVR where it is printed upside down."""
    lead = strip.lead
    if lead in _ROMAN:
        name = f"D{_ROMAN[lead]}" if style.limb == "D" else style.limb.format(lead)
    elif lead.startswith("V"):
        name = style.chest + lead[1:]
    else:
        name = {"plain": lead, "upper": lead.upper(), "turned": f"av{lead[2]}"}[style.spelling]
    return style.wrap.format(f"-{name}" if strip.sign < 0 else name)


def name_width(style: Style) -> float:
    """Return about how wide in mm the longest name of a style is."""
    letters = 3 + len(style.wrap) - 2
    return letters * LETTER * style.text_height * style.name_scale


def add_names(scene: Scene, frame: Frame, rng: np.random.Generator, before: float) -> None:
    """Write each strip's lead name where the style puts it; `before` mm left of the row are taken by its pulse."""
    style = scene.style
    size = style.text_height * style.name_scale
    font = style.font if style.name_font is None else style.name_font
    # Nearer to its own row than to the next.
    dx, dy = rng.uniform(-0.5, 2.5), min(rng.uniform(1.0, 9.0), 0.4 * frame.pitch)
    corner = rng.uniform(0.35, 0.5) * frame.pitch
    rate = str(rng.choice(["{} bpm", "HR {}", "{}/min"])).format(rng.integers(45, 130))
    gain = str(rng.choice(["{:g} mm/mV", "{:g}mm/mV", "x{:.1f}"]))
    if style.names == "none":
        return
    for trace in scene.traces:
        strip, base = trace.strip, trace.baseline
        name = spell(strip, style)
        long = LETTER * size * len(name)
        x, y = trace.x0 + dx, base - dy
        if style.names == "below":
            y = base + dy + 0.6 * size
        elif style.names == "corner":
            x, y = trace.x0 + 0.5 + abs(dx) / 2, base - corner + size
        elif style.names == "line":
            x, y = trace.x0 + dx / 3, base + 0.35 * size
        elif style.names == "left" and strip.offset_s == 0:
            x, y = trace.x0 - before - long - 0.8, base + 0.35 * size
        if style.name_jitter:
            x, y = x + rng.uniform(-1, 1) * style.name_jitter, y + rng.uniform(-1, 1) * style.name_jitter
        scene.texts.append(Text(name, x, y, size, font, "lead", strip.lead))
        beside = x + long + 0.6 * size
        if style.name_note == "gain":
            note = gain.format(scene.gain_of(strip.lead) / (10 if gain.startswith("x") else 1))
            scene.texts.append(Text(note, beside, y, 0.75 * size, font, "calibration"))
        elif style.name_note == "rate" and (strip.rhythm or trace is scene.traces[0]):
            scene.texts.append(Text(rate, beside, y, 0.85 * size, font))


def add_axis(scene: Scene, frame: Frame) -> None:
    """Write the seconds below each strip, as plotting programs do."""
    size, font = 0.8 * scene.style.text_height, scene.style.font
    for trace in scene.traces:
        strip = trace.strip
        y = trace.baseline + 0.5 * frame.pitch + 0.3 * size
        for t in np.arange(np.ceil(strip.t0), strip.t1 + 1e-6):
            x = trace.x0 + (t - strip.t0) * scene.speed
            scene.texts.append(Text(f"{t:g}", x - 0.3 * size, y, size, font))


def add_separators(scene: Scene, frame: Frame, rng: np.random.Generator) -> None:
    """Draw the style's marks between the strips of a row, and the stroke that joins one strip to the next."""
    style = scene.style
    width, half = rng.uniform(0.25, 0.9), rng.uniform(1.5, 5.0)
    pitch, duty = rng.uniform(1.0, 4.0), rng.uniform(0.15, 0.6)
    if style.separator == "dotted":
        _dotted(scene, frame, 0.5 * width, pitch, duty)
    for trace in scene.traces:
        if trace.strip.offset_s > 0:
            strokes = _separator(style.separator, width, half)
            scene.lines += [Line(np.array(s) + [trace.x0, trace.baseline], w) for s, w in strokes]
    if style.joined:
        _join(scene)


def _separator(kind: str, width: float, half: float) -> list[tuple[list[tuple[float, float]], float]]:
    """Return the strokes of a separator about (0, 0) and the width of each, in mm."""
    if kind == "bar":
        return [([(0, -half), (0, half)], width)]
    if kind == "double":
        apart = 0.5 * width + 0.4
        return [([(x, -half), (x, half)], 0.6 * width) for x in (-apart, apart)]
    if kind == "tick":
        return [([(0, s * 1.2 * half), (0, s * 1.9 * half)], 0.6 * width) for s in (-1, 1)]
    if kind == "slash":
        return [([(x - 0.3 * half, 0.6 * half), (x + 0.3 * half, -0.6 * half)], 0.6 * width) for x in (-0.6, 0.6)]
    if kind == "notch":
        return [([(0, 0), (0, 0.5 * half)], 0.6 * width)]
    return []


def _dotted(scene: Scene, frame: Frame, width: float, pitch: float, duty: float) -> None:
    """Draw a dotted line through all rows of short strips at each of their boundaries."""
    short = [t for t in scene.traces if not t.strip.rhythm]
    top = frame.baselines[min((t.strip.row for t in short), default=0)] - 0.5 * frame.pitch
    bottom = frame.baselines[max((t.strip.row for t in short), default=0)] + 0.5 * frame.pitch
    for x in sorted({t.x0 for t in short if t.strip.offset_s > 0}):
        for y in np.arange(top, bottom, pitch):
            scene.lines.append(Line(np.array([(x, y), (x, y + duty * pitch)]), width))


def _join(scene: Scene) -> None:
    """Join the end of each strip with the start of the next one, as a pen does that is not lifted."""
    row: dict[int, Trace] = {}
    for trace in scene.traces:
        last = row.get(trace.strip.row)
        # Only where the one ends where the other begins: not across a gap, not where a recording ended early.
        if last is not None and abs(trace.points[0, 0] - last.points[-1, 0]) < 0.3:
            stroke = np.array([last.points[-1], trace.points[0]])
            scene.lines.append(Line(stroke, scene.style.trace_width, scene.style.trace_color))
        row[trace.strip.row] = trace


def add_frame(scene: Scene, frame: Frame, rng: np.random.Generator, before: float, after: float) -> None:
    """Draw a box round all rows, or round each, `before` and `after` mm wider than the rows."""
    width, margin = rng.uniform(0.12, 0.5), rng.uniform(0.3, 1.5)
    if scene.style.frame == "none":
        return
    left = max(0.5, frame.left - before - margin)
    right = min(scene.width - 0.5, frame.right + after + margin)
    groups = [frame.baselines] if scene.style.frame == "box" else [(y,) for y in frame.baselines]
    for rows in groups:
        top, bottom = max(0.5, rows[0] - 0.5 * frame.pitch), min(scene.height - 0.5, rows[-1] + 0.5 * frame.pitch)
        box = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        scene.lines.append(Line(np.array(box), width))


def add_caption(scene: Scene, frame: Frame, rng: np.random.Generator) -> list[Box]:
    """Write speed and gain in one of the usual spellings; returns the boxes above and below the rows that stay free."""
    style, size = scene.style, scene.style.text_height
    speed, gain = calibration_words(scene, rng)
    header, footer = frame.header, frame.footer
    if style.caption == "bottom":
        y = scene.height - rng.uniform(1.5, 3.0)
        footer = _without_line(footer, bottom=y - 1.3 * size)
    elif style.caption == "top" and header is not None:
        y = header[3] - 0.3 * size
        header = _without_line(header, bottom=y - 1.3 * size)
    if style.caption == "bottom" or (style.caption == "top" and frame.header is not None):
        space = LETTER * size
        words, apart = [speed, gain], rng.uniform(3, 30)
        if rng.random() < 0.5:  # one text with spaces in it, as fonts of fixed width have it
            words = [speed + " " * max(2, round(apart / space)) + gain]
        long = [space * len(word) for word in words]
        x = frame.left + rng.uniform(-0.02, 0.55) * (frame.right - frame.left)
        x = max(MARGIN, min(x, scene.width - MARGIN - sum(long) - apart))
        for word, width in zip(words, long, strict=True):
            scene.texts.append(Text(word, x, y, size, style.font, "calibration"))
            x += width + apart
    return [box for box in (header, footer) if box is not None]


def calibration_words(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Return the speed and the gain, or the gains of limb and precordial leads, as a machine writes them."""
    chest = scene.gain_of("V1")
    gains = _GAINS if chest == scene.gain else _MIXED_GAINS
    return pick(rng, _SPEEDS).format(s=scene.speed), pick(rng, gains).format(g=scene.gain, c=chest)


def _without_line(box: Box | None, bottom: float) -> Box | None:
    """Return a box that ends at `bottom` at the latest, None where less than a line of text is left."""
    if box is None or bottom - box[1] < 2.0:
        return None
    return (*box[:3], min(box[3], bottom))
