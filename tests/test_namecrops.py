"""Windows for the name network say what stands at their middle."""

import numpy as np
import pytest

from ecgseg.layout import LEADS
from ecgseg.render.draw.text import end_box, text_box
from ecgseg.render.namecrops import name_place
from ecgseg.render.printed.primitives import Text


def places(text: Text, n: int = 200) -> list[tuple[np.ndarray, int]]:
    rng = np.random.default_rng(5)
    return [name_place(text, rng) for _ in range(n)]


@pytest.mark.parametrize("angle", [0, 90])
def test_the_word_before_a_name_says_nothing_and_the_name_says_its_lead(angle: int) -> None:
    text = Text("Lead V3", 20.0, 30.0, 4.0, lead="V3", role="lead", angle=angle)
    whole, own = text_box(text), end_box(text, 5)
    seen = {label: np.array([at for at, one in places(text) if one == label]) for label in (0, 1 + LEADS.index("V3"))}
    assert sum(map(len, seen.values())) == 200 and min(map(len, seen.values())) > 20
    along = (whole[1] - whole[0]) / np.linalg.norm(whole[1] - whole[0])
    begins = (own[0] - whole[0]) @ along
    middle = (whole[1] - whole[0]) @ along / 2
    assert ((seen[0] - whole[0]) @ along < begins).all()
    assert ((seen[1 + LEADS.index("V3")] - whole[0]) @ along >= middle - 1e-9).all()


def test_a_bare_name_is_looked_at_in_its_middle() -> None:
    text = Text("-aVR", 20.0, 30.0, 4.0, lead="aVR", role="lead")
    for at, label in places(text, 5):
        np.testing.assert_allclose(at, text_box(text).mean(axis=0))
        assert label == len(LEADS) + 1
