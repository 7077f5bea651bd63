"""Text: boxes agree with the drawn letters at every scale, positions are exact, every font has all letters."""

import numpy as np
import pytest

from ecgseg.render.draw.glyphs import FACES, SQUEEZES, face_of, font_number, glyph, plain
from ecgseg.render.draw.letters import STROKES
from ecgseg.render.draw.text import draw_texts, end_box, text_box, text_width
from ecgseg.render.printed.primitives import Text

_NAMES = tuple(dict.fromkeys(FACES))


def _drawn(text: Text, px_per_mm: float, size_mm: tuple[float, float] = (60.0, 40.0)) -> np.ndarray:
    cover = np.zeros((round(size_mm[1] * px_per_mm), round(size_mm[0] * px_per_mm)), np.float32)
    draw_texts(cover, [text], (0.0, 0.0), px_per_mm)
    return cover


def _outermost(cover: np.ndarray) -> np.ndarray:
    """Return first column, first row, last column and last row with ink."""
    columns, rows = (np.flatnonzero(cover.max(axis=axis) > 1e-3) for axis in (0, 1))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]])


@pytest.mark.parametrize("angle", [0, 90])
@pytest.mark.parametrize("px_per_mm", [4.0, 6.37, 12.0])
def test_boxes_are_where_the_ink_is(px_per_mm: float, angle: int) -> None:
    for k, face in enumerate(_NAMES):
        text = Text("aVR gHx 25", 20.3 + k / 7, 30.1, 3.1, font_number(face, SQUEEZES[k % 4 + 1]), angle=angle)
        corners = text_box(text) * px_per_mm
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        # The outermost pixels with ink are those that the box's sides run through.
        assert np.abs(box - _outermost(_drawn(text, px_per_mm))).max() < 0.55, face


def test_corners_begin_where_reading_begins() -> None:
    level, upright = text_box(Text("VT", 10, 20, 4)), text_box(Text("VT", 10, 20, 4, angle=90))
    assert level[0, 0] < level[1, 0] and level[0, 1] < level[3, 1]
    assert upright[1, 1] < upright[0, 1] and upright[0, 0] < upright[3, 0]
    # The same box, turned about the text's origin.
    np.testing.assert_allclose(upright - [10, 20], np.stack([level[:, 1] - 20, 10 - level[:, 0]], axis=1), atol=1e-9)


@pytest.mark.parametrize("angle", [0, 90])
def test_the_end_of_a_text_has_the_box_that_it_has_after_what_stands_before(angle: int) -> None:
    whole = Text("Lead aVF", 20.0, 30.0, 4.0, angle=angle)
    width = text_width("Lead ", 0, 4.0)
    x, y = (20.0 + width, 30.0) if angle == 0 else (20.0, 30.0 - width)
    np.testing.assert_allclose(end_box(whole, 5), text_box(Text("aVF", x, y, 4.0, angle=angle)), atol=1e-9)


def test_ink_moves_by_hundredths_of_a_pixel() -> None:
    def centre(x: float, y: float) -> np.ndarray:
        cover = _drawn(Text("QRS", x, y, 3.0, 3), 8.0)
        rows, columns = np.indices(cover.shape)
        return np.array([(cover * columns).sum(), (cover * rows).sum()]) / cover.sum()

    moved = centre(20.0 + 0.13 / 8, 20.0 - 0.42 / 8) - centre(20.0, 20.0)
    np.testing.assert_allclose(moved, [0.13, -0.42], atol=0.01)


def test_the_window_does_not_move_the_ink() -> None:
    texts = [Text("Sinus rhythm", 12.0, 15.0, 3.0, 21), Text("V1", 30.0, 25.0, 4.0, 7, angle=90)]
    page = np.zeros((320, 480), np.float32)
    draw_texts(page, texts, (0.0, 0.0), 8.0)
    window = np.zeros((100, 150), np.float32)
    draw_texts(window, texts, (14.0, 11.0), 8.0)
    np.testing.assert_allclose(window, page[88:188, 112:262], atol=1e-5)
    assert window.max() > 0.9


def test_ink_is_the_maximum_with_what_is_there() -> None:
    cover = np.full((200, 300), 0.3, np.float32)
    draw_texts(cover, [Text("HR", 10.0, 15.0, 4.0)], (0.0, 0.0), 8.0)
    assert cover.min() == np.float32(0.3) and 0.9 < cover.max() <= 1.0001


def test_every_drawn_letter_has_ink_of_its_own() -> None:
    for face in ("vector", "round", "dots"):
        seen = {}
        for letter in STROKES:
            cover = _drawn(Text(letter, 5, 5, 4, font_number(face)), 5.0, (10.0, 8.0))
            assert cover.max() > 0.5
            assert seen.setdefault(cover.tobytes(), letter) in (letter, {"O": "0"}.get(letter))


def test_full_stops_of_thin_pens_can_be_seen() -> None:
    for face in ("vector thin", "round thin", "dots bold"):
        ink = _drawn(Text(".", 5, 5, 2.5, font_number(face)), 10.0, (10.0, 8.0)).sum() / 100
        assert ink > np.pi * (0.05 * 2.5) ** 2


def test_outlines_of_drawn_letters_all_turn_the_same_way() -> None:
    # Otherwise strokes that cross would cancel.
    for face in ("vector bold", "round bold", "dots"):
        for letter in STROKES:
            for c in glyph(letter, face, 1.0)[0]:
                x, y = c.T
                assert np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) < 0, (face, letter)


def test_font_numbers_cover_all_faces_and_squeezes() -> None:
    looks = {face_of(k) for k in range(1000)}
    assert looks == {(face, squeeze) for face in _NAMES for squeeze in set(SQUEEZES)}
    wide, narrow = (text_width("Unconfirmed", font_number("DejaVuSans", s), 3.0) for s in (1.0, 0.7))
    assert narrow == pytest.approx(0.7 * wide)


def test_letters_a_face_lacks_lose_their_accents() -> None:
    assert plain("Größe ñ ł", "DejaVuSans") == "Größe ñ ł"
    assert plain("Größe ñ ł", "vector") == "Grosse n l"
    assert plain("a_b ♥", "cmr10") == "a-b ?"


def test_blank_text_has_no_box_and_no_ink() -> None:
    assert (text_box(Text("  ", 4, 5, 3)) == [4, 5]).all()
    assert _drawn(Text("  ", 4, 5, 3), 8.0).max() == 0


def test_other_angles_are_refused() -> None:
    with pytest.raises(ValueError, match="angle is 45"):
        text_box(Text("V1", 4, 5, 3, angle=45))
