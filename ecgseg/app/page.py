"""The web page in Gradio: a form on the left, what was read on the right. What happens behind it is in `desk.py`."""

import sys
import traceback
from pathlib import Path

import gradio as gr

from ecgseg.app import html
from ecgseg.app.corrections import Corrections, from_form
from ecgseg.app.desk import Desk
from ecgseg.app.folder import take
from ecgseg.app.result import CHOICES, USUAL
from ecgseg.app.sessions import Sessions
from ecgseg.digitize.options import METHODS
from ecgseg.errors import EcgsegError
from ecgseg.layout import layout_names
from ecgseg.paths import EXAMPLES

TITLE = "ecgseg: paper ECG to recording"
STYLE = Path(__file__).with_name("style.css")
EXAMPLE = EXAMPLES / "scan_90037.png"
TYPES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".pdf", ".heic"]
AUTO, MEASURED, UNKNOWN = "auto", "measured", "–"
SPEEDS = [AUTO, "25", "50", "12.5", "100"]
GAINS = [AUTO, "10", "5", "20", "2.5"]
WAITING = 20  # pages in the queue; further ones are told to come again


def theme() -> gr.themes.Base:
    """Return a theme whose fonts are those of the machine: nothing is fetched from elsewhere."""
    sans = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"]
    mono = ["ui-monospace", "DejaVu Sans Mono", "monospace"]
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.slate, radius_size=gr.themes.sizes.radius_md,
        font=[gr.themes.Font(f) for f in sans], font_mono=[gr.themes.Font(f) for f in mono],
    )  # fmt: skip


def build(sessions: Sessions) -> gr.Blocks:
    """Return the page; one picture is read at a time, others wait their turn."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(html.BANNER, elem_id="notice")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="give"):
                file = gr.File(label="Picture or PDF of a paper ECG", file_types=TYPES, height=150, elem_id="drop")
                example = gr.Button("Try the example", size="sm", elem_id="example")
                page = gr.Dropdown([1], value=1, label="Page of the file", visible=False, elem_id="page")
                record = gr.Dropdown([1], value=1, label="Record on the page", visible=False, elem_id="record")
                status = gr.HTML(elem_id="status")
            with gr.Column(elem_id="right"):
                shown = gr.HTML(html.EMPTY, elem_id="shown")
                with gr.Group(visible=False, elem_id="away") as away:
                    formats = gr.CheckboxGroup(list(CHOICES), value=list(USUAL), label="Take away", elem_id="formats")
                    links = gr.HTML(elem_id="links")
            with gr.Column(elem_id="correct"):
                form = _form()
                again = gr.Button("Read again", variant="primary", elem_id="again")
        results = [status, shown, away, links, form["leads"], record]
        fresh = [file, page, *(c for key, c in form.items() if key != "leads"), *results]
        # One at a time over all events that compute: the machine has one set of networks.
        work = {"concurrency_limit": 1, "concurrency_id": "digitizer", "api_visibility": "private"}
        hand = _Handlers(sessions)
        busy = {"show_progress": "full", "show_progress_on": [shown]}
        file.upload(hand.uploaded, [file, formats], fresh, **busy, **work)
        example.click(hand.example, [formats], fresh, **busy, **work)
        page.input(hand.turned, [page, formats], fresh, **busy, **work)
        asked = [page, record, formats, *form.values()]
        record.input(hand.chosen, asked, results, **busy, **work)
        again.click(hand.again, asked, results, show_progress_on=[shown, again], **work)
        formats.input(hand.formats, [formats], [links], **work)
        blocks.unload(hand.closed)
    return blocks.queue(max_size=WAITING, api_open=False)


def _form() -> dict:
    """Return the fields of the corrections by their names."""
    with gr.Accordion("Correct what was read", open=True, elem_id="corrections"):
        fields = {
            "layout": gr.Dropdown([AUTO, *layout_names()], value=AUTO, label="Layout", elem_id="layout"),
        }
        with gr.Row():
            fields["speed"] = _own(SPEEDS, "Speed, mm/s", "speed")
            fields["gain"] = _own(GAINS, "Gain, mm/mV", "gain")
        fields["px_per_mm"] = gr.Textbox(
            label="Scale, pixels per mm", placeholder=MEASURED, elem_id="scale",
            info="of the picture as it is; without a value it is measured",
        )  # fmt: skip
        fields["leads"] = gr.Textbox(
            label="Leads, row by row", lines=4, max_lines=20, elem_id="leads",
            info="as they lie on the page; edit to swap or rename; x leaves a strip out, -aVR is printed upside down",
        )  # fmt: skip
        with gr.Row():
            fields["sex"] = gr.Dropdown([UNKNOWN, "female", "male"], value=UNKNOWN, label="Sex", min_width=120)
            fields["age"] = gr.Textbox(label="Age, years", placeholder=UNKNOWN, min_width=120)
        fields["method"] = gr.Dropdown(list(METHODS), value=METHODS[0], label="Method", info="classic is the baseline")
    return fields


def _own(choices: list[str], label: str, name: str) -> gr.Dropdown:
    """Return a dropdown in which another value may be typed."""
    return gr.Dropdown(choices, value=choices[0], label=label, allow_custom_value=True, min_width=120, elem_id=name)


class _Handlers:
    """What the page's buttons do. Each returns new values of the components named in `build`."""

    def __init__(self, sessions: Sessions):
        self.sessions = sessions

    def uploaded(self, path: str | None, formats: list[str], request: gr.Request):
        """Read the file that was dropped; it is deleted before anything is done with it."""
        if path is None:
            return [gr.skip()] * 15

        def opened(desk: Desk) -> None:
            desk.open(take(Path(path), desk.max_bytes), Path(path).name)

        return self._fresh(request, formats, opened)

    def example(self, formats: list[str], request: gr.Request):
        """Read the picture that comes with the package."""
        return self._fresh(request, formats, lambda desk: desk.open(EXAMPLE.read_bytes(), EXAMPLE.name))

    def turned(self, page: int, formats: list[str], request: gr.Request):
        """Read another page of the file."""
        return self._fresh(request, formats, lambda desk: None, int(page))

    def chosen(self, page, record, formats, layout, speed, gain, scale, leads, sex, age, method, request: gr.Request):
        """Show another record of the page; the names in the form are those of the one before."""
        form = (layout, speed, gain, scale, "", sex, age, method)
        return self._corrected(request, formats, form, page, record)

    def again(self, page, record, formats, layout, speed, gain, scale, leads, sex, age, method, request: gr.Request):
        """Read the page with what was corrected; Gradio fills in the request only where all arguments are named."""
        form = (layout, speed, gain, scale, leads, sex, age, method)
        return self._corrected(request, formats, form, page, record)

    def formats(self, formats: list[str], request: gr.Request):
        """Make the files in other formats."""
        try:
            return self._links(request.session_hash, formats)
        except Exception as error:
            return html.problem(told(error))

    def closed(self, request: gr.Request) -> None:
        """Forget everything of a page that was closed."""
        self.sessions.drop(request.session_hash)

    def _corrected(self, request: gr.Request, formats: list[str], form: tuple, page, record) -> list:
        def work(desk: Desk) -> None:
            desk.run(from_form(*form), int(page or 1), int(record or 1))

        return self._results(request, formats, work)

    def _fresh(self, request: gr.Request, formats: list[str], opened, page: int = 1) -> list:
        """Read a page without corrections; returns the file, the pages, the form as at the start, and the results."""

        def run(desk: Desk) -> None:
            opened(desk)
            desk.run(Corrections(), page)

        results = self._results(request, formats, run)
        pages = self.sessions.desk(request.session_hash).pages
        return [None, _one_of(pages, page), AUTO, AUTO, AUTO, "", UNKNOWN, "", METHODS[0], *results]

    def _results(self, request: gr.Request, formats: list[str], work) -> list:
        """Do the work; returns status, what is shown, whether there are files, links, leads' names, and the records."""
        session = request.session_hash
        desk = self.sessions.desk(session)
        try:
            work(desk)
            token = self.sessions.renew(session)
            links = self._links(session, formats)
            return [
                "",
                html.show(desk.result, token, desk.command()),
                gr.update(visible=True),
                links,
                desk.result.leads,
                _one_of(desk.records, desk.record),
            ]
        except Exception as error:
            return [html.problem(told(error)), *self._kept(desk)]

    def _kept(self, desk: Desk) -> list:
        """Return updates that leave the last result on the page where it is still that of the file on the desk."""
        if desk.result is not None:
            return [gr.skip()] * 5
        return [html.EMPTY, gr.update(visible=False), "", "", _one_of(1, 1)]

    def _links(self, session: str, formats: list[str]) -> str:
        desk = self.sessions.desk(session)
        problems = desk.make_files(formats)
        return html.downloads(desk.files, problems, self.sessions.token(session))


def _one_of(number: int, chosen: int) -> dict:
    """Return a choice of 1 … number, seen where there is one to make."""
    return gr.update(choices=list(range(1, number + 1)), value=chosen, visible=number > 1)


def told(error: Exception) -> str:
    """Return what a person is told of an error; a bug is recorded too, without its text, which may hold a name."""
    if isinstance(error, EcgsegError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-6:]))
    print(f"unexpected {type(error).__name__} at {where}", file=sys.stderr)
    return f"unexpected {type(error).__name__}; please report it with the picture"
