import cv2
import numpy as np

from ecgseg.digitize.flat.gridless import without_grid
from ecgseg.digitize.locate.find import PageMaps, with_faint_names
from ecgseg.digitize.locate.findings import Findings, LeadName
from ecgseg.nets.plain import NAMES


def grid_page(line: tuple[int, int, int]) -> np.ndarray:
    image = np.full((400, 800, 3), 250, np.uint8)
    image[::8], image[:, ::8] = (160, 160, 160), (160, 160, 160)
    image[::40], image[:, ::40] = line, line
    return image


def test_letters_stay_and_the_lines_between_them_go():
    plain = grid_page((60, 60, 60))
    image = plain.copy()
    cv2.putText(image, "25 mm/s", (101, 205), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
    clear = without_grid(image)
    assert clear.shape == image.shape
    lettered = (image != plain).any(axis=2)
    off = np.ones(image.shape[:2], bool)
    off[170:215, 95:230] = False
    assert clear[off].mean() > 250  # white paper
    dark = clear[lettered][:, 0] < 128
    assert 0.5 < dark.mean()


def test_a_pale_or_coloured_grid_hides_nothing():
    for line in ((255, 120, 120), (230, 230, 230)):
        image = grid_page(line)
        image[::8], image[:, ::8] = (255, 200, 200), (255, 200, 200)
        cv2.putText(image, "25 mm/s", (101, 205), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
        assert without_grid(image) is None


class Reads:
    """A name network that reads the same everywhere; `about` marks it as one ready for use."""

    def __init__(self, lead: str, p: float):
        self.lead, self.p, self.about = lead, p, {}

    def names(self, windows):
        out = np.full((len(windows), len(NAMES)), (1 - self.p) / (len(NAMES) - 1))
        out[:, NAMES.index(self.lead)] = self.p
        return out


def test_faint_names_count_where_they_are_plainly_read():
    text = np.zeros((16, 100, 200))
    text[0] = 1.0
    text[:, 40:44, 60:70], text[3, 40:44, 60:70] = 0.0, 0.2  # a name's class, faintly
    text[0, 40:44, 60:70] = 0.8
    maps = PageMaps(np.zeros((200, 400)), np.zeros((3, 100, 200)), text, np.zeros(8))
    image = np.full((400, 800, 3), 255, np.uint8)
    own = Findings(names=[LeadName(0, 0, 10, 10, lead="V6")])
    for lead, p, found in (("V2", 0.9, ["V6", "V2"]), ("V2", 0.5, ["V6"]), ("I", 0.9, ["V6"])):
        more = with_faint_names(None, Reads(lead, p), image, maps, own, None)
        assert [n.lead for n in more.names] == found
