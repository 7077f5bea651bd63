"""Image -> Recording: the whole way from a picture of a page to a calibrated recording, one call."""

from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from ecgseg.digitize.assemble.assemble import assemble, verify_layout
from ecgseg.digitize.assemble.pace import TWICE, ran_faster
from ecgseg.digitize.assemble.timing import same_seconds, simultaneous
from ecgseg.digitize.assemble.verify import lead_quality, verify
from ecgseg.digitize.calibrate.calibration import Calibration, calibrate
from ecgseg.digitize.calibrate.ocr import TextLibraryError, find_lines
from ecgseg.digitize.files.read import Picture, read_picture
from ecgseg.digitize.flat.flatten import flat_page
from ecgseg.digitize.flat.grid import FlatPage
from ecgseg.digitize.flat.gridless import without_grid
from ecgseg.digitize.locate.find import PageMaps, look, with_faint_names
from ecgseg.digitize.locate.findings import Findings
from ecgseg.digitize.locate.fit import of_other_length
from ecgseg.digitize.locate.locate import Located
from ecgseg.digitize.locate.on_grid import locate_on
from ecgseg.digitize.locate.textnames import with_text_names
from ecgseg.digitize.negative import is_negative
from ecgseg.digitize.options import Options, load_options
from ecgseg.digitize.provenance import Clock, provenance
from ecgseg.digitize.scales import BY_PRINT, against_grid, faded, flat_pages, map_error, rescaled
from ecgseg.digitize.sheets import (
    LooksOnce,
    Sheets,
    of_one_sheet,
    placed,
    reading_order,
    separate_sheets,
    with_records,
)
from ecgseg.errors import EcgsegError, LayoutError
from ecgseg.nets.plain import STRIDE
from ecgseg.nets.runtime import open_net, usable_device
from ecgseg.recording import Recording

FLAT_PX_PER_MM = 8.0  # what the shipped networks were trained at: 200 dpi, 0.125 mm a pixel
TOGETHER = (
    "the strips of each row show the same seconds: their beats coincide; if they follow each other, give "
    "digitize.timing=consecutive"
)
AGREES = 0.8  # of leads with the laws between them: a page that lies upright, read in its layout, has more
PLAINLY = 0.2  # better agreement that makes a turned page believed
CONFIRMS = 0.6  # of a layout with all its names: the page's scale is right
MAYBE = 0.15  # probability from which a page's text may lie so
SPELLED = 0.6  # share of names read from which no more are looked for
CONTRADICTED, ALL_SPELLED = 0.3, 0.9  # agreement of leads with the laws, and share of names, below which none counts
HARDLY = 0.02  # … where nothing else is named
MIRRORED = 0.9
ROWS_ALIKE = 0.002  # of their length: what the ends of rows are told by
MOST_OFF = {"text": 0.03, "pulse and text": 0.02, "pulse": 0.02}  # by which a scale told by print is corrected
LIES = {1: "on its side (its top to the right)", 2: "upside down", 3: "on its side (its top to the left)"}


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
    """A record of a flat page, located one way up and perhaps read; `said` are warnings.

    `rest`: what was found on the page of other records; `traces` and `recording` are None until it is read, which an
    unnamed one is not before it is chosen; `agreement` 0..1: how its leads obey the laws between them.
    """

    flat: FlatPage
    findings: Findings
    calibration: Calibration
    located: Located
    rest: tuple[PageMaps, Findings] | None = None
    said: tuple[str, ...] = ()
    traces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
    recording: Recording | None = None
    agreement: float = 0.5


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

        A Picture's dpi is used where nothing on the page tells its scale. Of several records the first is returned,
        with a warning.
        """
        first, *others = self.read_all(image)
        if others:
            left_out = "the other is" if len(others) == 1 else f"the other {len(others)} are"
            first.recording.warnings[0] += f"; {left_out} left out here, Digitizer.read_all returns all"
        return first

    def read_all(self, image) -> list[Reading]:
        """Digitize all records in a picture, given as for `read`, from the top left to the bottom right.

        There may be several on one page, and several sheets of paper. Where there are, each recording says so in its
        first warning and in `provenance["record"]` and `["records"]`.
        """
        clock = Clock({})
        name, dpi = "image", None
        if isinstance(image, np.ndarray):
            pixels = _as_rgb(image)
        else:
            picture = image
            if not isinstance(image, Picture):
                name, picture = Path(image).stem, read_picture(image, max_pixels=self.options.max_pixels)
            pixels, dpi = picture.pixels, picture.dpi
        negative = is_negative(pixels)
        if negative:
            pixels = 255 - pixels
        clock.lap("read")
        grid_net = None if self.nets.grid is None else LooksOnce(self.nets.grid)
        sheets = None
        if grid_net is not None and self.options.px_per_mm is None:
            sheets = separate_sheets(pixels, grid_net)
        readings, doubts = self._read_sheets(sheets, pixels.shape) if sheets else ([], ())
        if not readings:
            readings = self._read_picture(pixels, dpi, grid_net, clock)
        if negative:
            doubts = ("the picture shows light lines on a dark ground: it was read as its negative", *doubts)
        for number, reading in enumerate(readings, 1):
            recording = reading.recording
            recording.name = name
            recording.warnings = [*doubts, *recording.warnings]
            if len(readings) > 1:
                recording.warnings.insert(0, f"the picture shows {len(readings)} records: this is number {number}")
                recording.provenance |= {"record": number, "records": len(readings)}
        return readings

    def _read_sheets(self, sheets: Sheets, shape) -> tuple[list[Reading], tuple[str, ...]]:
        """Return the readings of separate sheets, none where they are parts of one or one is not read; and doubts."""
        try:
            flats = []
            for sheet in sheets.sheets:
                clock = Clock({})
                flats.append((placed(flat_page(sheet.pixels, None, self.nets.grid), sheet.corner), clock))
                clock.lap("flatten")
            if any(of_one_sheet(flats[a][0], flats[b][0], at) for (a, b), at in sheets.between.items()):
                return [], ()
            readings = []
            for flat, clock in flats:
                clock.resume()
                readings += self._readings(self._pages(flat, (), clock), shape, clock)
        except EcgsegError as error:
            seen = f"{len(sheets.sheets)} sheets of paper seem to lie in the picture"
            return [], (f"{seen}, but not each could be read by itself ({error}): it was read as one page",)
        kept = with_records([r.located for r in readings])
        if len(kept) < len(readings):
            doubt = f"{len(sheets.sheets)} sheets of paper seem to lie in the picture, but not on each is a record"
            return [readings[k] for k in kept], (doubt,)
        return readings, ()

    def _read_picture(self, pixels: np.ndarray, dpi, grid_net, clock: Clock) -> list[Reading]:
        """Return the readings of a picture of one sheet by the first scale of its page that can be believed."""
        for flat, said in flat_pages(pixels, self.options.px_per_mm, dpi, grid_net, self._find):
            try:
                pages = self._pages(flat, said, clock)
            except LayoutError:
                if not flat.grid.doubt:
                    raise
                continue
            if not any(_confirms(page.located) for page in pages):
                if flat.grid.doubt:
                    continue
                longer = any(p.located.layout is not None and of_other_length(p.located.layout) for p in pages)
                pages = self._by_pulses(pixels, flat, longer, clock) or pages
            elif flat.grid.source in BY_PRINT:
                pages = self._by_lengths(pixels, pages, clock) or pages
            return self._readings(pages, pixels.shape, clock)
        raise AssertionError("the last of the flat pages is without doubt, or an error is raised")

    def _by_pulses(self, pixels: np.ndarray, flat: FlatPage, doubted: bool, clock: Clock) -> list[_Page]:
        """Return the records by the scale of the pulses, where these contradict the grid that confirmed nothing; none
        where the pulses agree with it or confirm nothing either. `doubted`: rows are not as long as their layout's."""
        try:
            other = against_grid(pixels, flat, self._find, doubted)
            pages = self._pages(*other, clock) if other else []
        except EcgsegError:
            return []
        if not any(_confirms(page.located) for page in pages):
            return []
        return self._by_lengths(pixels, pages, clock) or pages

    def _by_lengths(self, pixels: np.ndarray, pages: list[_Page], clock: Clock) -> list[_Page]:
        """Return the record by the scale at which its rows have the length of its layout, as far as print told it; none
        where rows differ or are far from that."""
        page = pages[0]
        factor = self._length_factor(page) if len(pages) == 1 else None
        if factor is None:
            return []
        try:
            flat = rescaled(pixels, page.flat, factor).turned(page.flat.turns)
            again = replace(self._located(flat, None, clock), said=page.said)
        except EcgsegError:
            return []
        return [again] if _confirms(again.located) and again.located.layout.name == page.located.layout.name else []

    def _length_factor(self, page: _Page) -> float | None:
        """Return by what the px per mm of a page must be multiplied for its rows to be as long as its layout says."""
        if self.options.method == "classic":
            return None
        from ecgseg.digitize.trace.trace import row_lengths

        lengths = row_lengths(self.nets.strip, page.flat.image, page.located.strips)
        length = float(np.nanmedian(lengths)) if np.isfinite(lengths).any() else np.nan
        alike = np.abs(lengths / length - 1) < ROWS_ALIKE
        printed = page.located.layout.seconds * page.calibration.speed
        left, _, right, _ = _box(page.located)
        factor = (length - max(0.0, (right - left) / FLAT_PX_PER_MM - printed)) / printed  # paper between strips
        certain = alike.sum() >= max(2, 0.6 * len(lengths))
        most = MOST_OFF[page.flat.grid.source]
        return factor if certain and ROWS_ALIKE / 2 < abs(factor - 1) < most else None

    def _pages(self, flat: FlatPage, said: tuple[str, ...], clock: Clock) -> list[_Page]:
        """Return the records on a flat page in reading order; `said`: warnings so far."""
        clock.lap("flatten")
        pages = [self._believed(self._upright(flat, clock), clock)]
        while pages[-1].rest is not None:
            try:
                pages.append(self._located(pages[0].flat, pages[-1].rest, clock))
            except LayoutError as error:
                said = (*said, f"there seems to be another record on the page, but it could not be read: {error}")
                break
        boxes = [_box(page.located) for page in pages]
        return [replace(pages[k], said=(*said, *pages[k].said)) for k in reading_order(boxes)]

    def _readings(self, pages: list[_Page], shape, clock: Clock) -> list[Reading]:
        """Return the readings of records; `shape`: the picture's."""
        return [self._reading(self._paced(self._read(page, clock), clock), shape, clock) for page in pages]

    def _reading(self, page: _Page, shape, clock: Clock) -> Reading:
        """Complete a record's recording by its quality, warnings and provenance."""
        turns, recording = page.flat.turns, page.recording
        recording.quality = lead_quality(recording, agreement=page.agreement, trust=page.calibration.trust)
        recording.warnings = [
            *page.said,
            *page.flat.grid.warnings,
            *([f"the page was {LIES[turns]}; it was turned before it was read"] if turns else []),
            *page.calibration.warnings,
            *page.located.warnings,
            *faded(recording.provenance.get("map_errors_mm", {})),
            *recording.warnings,
            *verify(recording),
        ]
        clock.lap("assemble")
        recording.provenance.update(provenance(self.nets, self.options, self.device, shape, page, clock.laps))
        return Reading(recording, page.flat, page.located, page.traces, page.calibration)

    def _look(self, image: np.ndarray) -> tuple[PageMaps, Findings]:
        return look(self.nets.page, self.nets.name, image)

    def _maps(self, page: _Page) -> PageMaps:
        return page.rest[0] if page.rest else self._look(page.flat.image)[0]

    def _find(self, image: np.ndarray) -> Findings:
        return self._look(image)[1]

    def _upright(self, flat: FlatPage, clock: Clock) -> _Page:
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
            named = any(page.located.named for page in read)
            for more in (1, 2, 3):
                turns = (first + more) % 4
                # A narrow sheet's text is doubted less than it should be.
                perhaps = more == 2 or not read or (not named and maps.lies[turns] > HARDLY)
                if perhaps and turns not in likely:
                    read, refused = self._tried(read, refused, flat.turned(turns), None, clock)
        if not read:
            raise refused
        best = max(read, key=_belief)
        # A page is read as its text lies unless another way is plainly better.
        return best if _belief(best) > _belief(read[0]) + PLAINLY else read[0]

    def _believed(self, page: _Page, clock: Clock) -> _Page:
        """Return the page; without its leads' names where some of them were not read and its leads break their laws.

        Where names and starts of half a page's strips are overlooked, another layout seems to fit. Noise breaks laws
        too, but not as the page network sees them, at 4 px/mm.
        """
        located, opt = page.located, self.options
        broken = page.agreement < CONTRADICTED and _laws_seen(located) <= 0
        if page.recording is None or opt.layout or not broken or _spelled(located, ALL_SPELLED):
            return page
        maps = self._maps(page)
        why = f"the leads of layout {located.layout.name}, which fits best, break the laws between them"
        place = partial(locate_on, speed=page.calibration.speed, layout=None, trace=maps.trace, named=False)
        nameless = place(page.flat, page.findings)
        clock.lap("locate")
        return replace(page, located=nameless, said=(*page.said, why), traces=None, recording=None, agreement=0.5)

    def _tried(self, read: list, refused, flat: FlatPage, seen, clock: Clock) -> tuple[list, LayoutError | None]:
        """Return `read` with one more reading, or the first reason why there is none."""
        try:
            page = self._located(flat, seen, clock)
        except LayoutError as error:
            return read, refused or error
        return [*read, self._read(page, clock) if page.located.named else page], refused

    def _located(
        self, flat: FlatPage, seen: tuple[PageMaps, Findings] | None, clock: Clock, beats: float | None = None
    ) -> _Page:
        """Locate a record on a flat page as it lies; `seen`: what was found there, None where it was not looked at;
        `beats`: the speed in mm/s that its beats tell, None where they were not asked."""
        opt = self.options
        maps, findings = seen or self._look(flat.image)
        clock.lap("find")
        clear = cache(lambda: without_grid(flat.image))
        lines = cache(lambda: find_lines(flat.image if clear() is None else clear())) if opt.find_text else None
        calibration, located = self._locate(flat, maps, findings, lines, clock, beats)
        if not (_confirms(located) and _spelled(located)):
            more = with_faint_names(self.nets.page, self.nets.name, flat.image, maps, findings, clear())
            clock.lap("find")
            if len(more.names) > len(findings.names):
                findings = more
                calibration, located = self._locate(flat, maps, findings, lines, clock, beats)
        rest = None
        if located.parts:
            # By itself: another record's names and pulses say nothing of this one.
            findings, others = located.parts
            calibration, located = self._locate(flat, maps, findings, lines, clock, beats)
            rest = maps, others
        return _Page(flat, findings, calibration, located, rest)

    def _read(self, page: _Page, clock: Clock) -> _Page:
        """Return a located record with its traces and its recording."""
        if page.recording is not None:
            return page
        flat, calibration = page.flat, page.calibration
        located, traces = self._trace(flat, page.located, calibration.speed)
        clock.lap("trace")
        gains = {strip.lead: calibration.gain_of(strip.lead) for strip in located.strips}
        said = page.said
        if self.options.timing == "simultaneous":
            located = simultaneous(located)
        elif self.options.timing is None and located.named:
            if same_seconds(located.strips, traces, FLAT_PX_PER_MM, calibration.speed, gains):
                located, said = simultaneous(located), (*said, TOGETHER)
        recording = assemble(
            located.strips,
            traces,
            FLAT_PX_PER_MM,
            calibration.speed,
            gains,
            fs=self.options.fs,
            seconds=located.seconds,
            provenance=map_error(flat, located.strips),
        )
        # Of unnamed strips nothing can be checked; verify says in words what is off.
        agreement = verify_layout(recording, located.layout)[0] if located.layout else page.agreement
        clock.lap("assemble")
        return replace(page, located=located, traces=traces, recording=recording, agreement=agreement, said=said)

    def _paced(self, page: _Page, clock: Clock) -> _Page:
        """Return a record that was read, at the speed of its beats where no other is told and it has names only so."""
        if page.calibration.speed_told:
            return page
        faster = ran_faster(page.recording)
        clock.lap("calibrate")
        if not faster:
            return page
        speed = TWICE * page.calibration.speed
        doubted = replace(page, calibration=page.calibration.doubted_by_beats(speed))
        if page.located.named:
            return doubted
        try:
            again = self._located(page.flat, (self._maps(page), page.findings), clock, speed)
        except LayoutError:
            return doubted
        return self._read(replace(again, said=page.said), clock) if _confirms(again.located) else doubted

    def _locate(
        self, flat: FlatPage, maps: PageMaps, findings: Findings, lines, clock: Clock, beats: float | None = None
    ):
        opt = self.options
        calibration = calibrate(findings, flat.image, FLAT_PX_PER_MM, opt.speed, opt.gain, lines)
        if beats is not None:
            calibration = calibration.by_beats(beats)
        clock.lap("calibrate")
        place = partial(
            locate_on,
            speed=calibration.speed,
            layout=opt.layout,
            trace=maps.trace,
            speed_told=calibration.speed_told,
        )
        located = place(flat, findings)
        if lines is not None and not _confirms(located):
            located = _by_text(place, flat, findings, lines, located)
        clock.lap("locate")
        return calibration, located

    def _trace(self, flat: FlatPage, located: Located, speed: float):
        if self.options.method == "classic":
            from ecgseg.classic import classic_digitize

            return located, classic_digitize(flat.image, located.strips, FLAT_PX_PER_MM, speed)
        from ecgseg.digitize.trace.trace import trace_strips

        opt = self.options
        height = round(opt.row_mm * FLAT_PX_PER_MM / STRIDE) * STRIDE
        strips, traces = trace_strips(
            self.nets.strip, flat.image, located.strips, height, again=opt.look_again, apart=opt.read_apart
        )
        return replace(located, strips=strips), traces


def _by_text(place, flat: FlatPage, findings: Findings, lines, located: Located) -> Located:
    """Return the page located with the lead names that the text library reads too, where that tells more.

    `place(flat, findings)` locates, `lines()` gives the page's text.
    """
    try:
        told = with_text_names(findings, lines())
    except TextLibraryError:
        return located
    if len(told.names) == len(findings.names):
        return located
    again = place(flat, told)
    return again if again.confidence > located.confidence else located


def _confirms(located: Located) -> bool:
    """Return whether a page's scale is confirmed by what was found: rows and names of a layout, as long as that has."""
    known = located.layout is not None and located.layout.name != "custom" and not of_other_length(located.layout)
    return known and located.confidence >= CONFIRMS


def _spelled(located: Located, share: float = SPELLED) -> bool:
    """Return whether the names of most strips, or another share of them, were read."""
    return located.names_agreeing >= share * len(located.strips)


def _laws_seen(located: Located) -> float:
    """Return the nats of the laws between a located layout's leads, as its page shows them; 0 where it does not."""
    return next((c.parts.get("laws", 0.0) for c in located.candidates if c.layout.name == located.layout.name), 0.0)


def _box(located: Located) -> tuple[float, float, float, float]:
    """Return from where to where (flat px) a record's strips lie."""
    strips = located.strips
    heights = [s.baseline for s in strips]
    return min(s.x0 for s in strips), min(heights), max(s.x1 for s in strips), max(heights)


def _belief(page: _Page) -> float:
    """Return how much a reading is to be believed against the same page turned: its leads' agreement and its names'.

    Strips without names have nothing to contradict: that is no reason to turn a page.
    """
    if not page.located.named:
        return 0.0
    agree, contradict = page.located.names_agreeing, page.located.names_contradicting
    return page.agreement + (agree - contradict) / max(agree + contradict, 4)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"an image must be (H, W, 3) RGB or (H, W) grey uint8, not {image.shape} {image.dtype}")
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
