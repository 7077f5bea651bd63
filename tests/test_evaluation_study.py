"""The original study's pages, read by its own pipeline and by the network."""

import numpy as np
import pytest

from ecgseg.errors import EcgsegError
from ecgseg.evaluation import study
from ecgseg.metrics import to_db


@pytest.fixture(scope="module")
def page():
    _, page, truth = next(study.pages(1, 0))
    return page, truth


def db(read, page, noise="none"):
    image = study.CONDITIONS[noise](page[0].image, np.random.default_rng(1))
    return float(to_db(study.scored(read, image, *page)[0]))


def test_what_was_drawn_is_the_most_that_can_be_read(page):
    most, plain, study_own = db(study.exact, page), db(study.classic(), page), db(study.classic(0.5), page)
    assert most > 20 and most > plain > study_own


def test_the_network_reads_a_study_page_through_its_noise(page):
    assert db(study.network(), page, "both") > 15


def test_a_refused_page_is_a_flat_line(page):
    def refuse(*_):
        raise EcgsegError("no")

    ratio, r = study.scored(refuse, page[0].image, *page)
    assert ratio == 1 and np.isnan(r)


def test_pages_are_the_same_each_time_and_differ_from_one_another():
    first, again = [[p.image for _, p, _ in study.pages(2, 3)] for _ in range(2)]
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], first[1])
