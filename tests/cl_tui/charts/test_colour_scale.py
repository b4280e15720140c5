"""The colours of scores and the marks of methods: everybody can read them and tell them apart."""

import math
import unicodedata
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from cl_tui.app.legible import NarrowFilter
from cl_tui.charts import marks
from cl_tui.charts.colour_scale import (
    LEVELS,
    SIGNS,
    ColourScale,
    colour_at,
    halves,
    in_halves,
    level_style,
    sign_at,
    style_at,
)
from cl_tui.charts.contrast import LEAST_CONTRAST, contrast, luminance
from cl_tui.charts.style import Palette
from cl_tui.host.ascii_filter import translated
from engine.catalog.methods import METHODS
from engine.record.score import ACCURACY, R2, RMSE, SCORES
from tests.cl_tui.app.test_themes import APART, VISIONS, distance

PALETTE = Palette(coloured=True)


def test_every_colour_is_lighter_than_the_one_before_and_carries_text() -> None:
    colours = [colour_at(level / (LEVELS - 1)) for level in range(LEVELS)]
    assert all(luminance(darker) < luminance(lighter) for darker, lighter in pairwise(colours))
    for level in range(LEVELS):
        style = level_style(level, True, False)
        assert style.color is not None
        assert style.color.triplet is not None
        assert contrast(style.color.triplet, colours[level]) >= LEAST_CONTRAST


@pytest.mark.parametrize("vision", VISIONS)
def test_every_eye_tells_a_fifth_of_the_scale(vision: str) -> None:
    fifths = [Color(*colour_at(step / 5)) for step in range(6)]
    assert all(distance(one, other, vision) >= APART for one, other in pairwise(fifths))


def test_sixteen_colours_have_four_steps_and_none_have_signs() -> None:
    four = {style_at(share, replace(PALETTE, tones="four")) for share in np.linspace(0, 1, LEVELS)}
    assert len(four) == 4
    assert not style_at(0.3, Palette())
    assert sorted({sign_at(share) for share in np.linspace(0, 1, LEVELS)}) == sorted(SIGNS)


@given(st.sampled_from(list(SCORES.values())), st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_levels_follow_fractions_of_any_scores(score, values) -> None:
    scale = ColourScale.of(score, [max(value, score.least) for value in values], None)
    with np.errstate(all="ignore"):
        levels = scale.levels(np.array(values))
    for value, level in zip(values, levels.tolist(), strict=True):
        assert level == -1 if math.isnan(value) else 0 <= level < LEVELS


def test_the_scale_reaches_from_chance_or_below_to_the_best() -> None:
    assert (ColourScale.of(ACCURACY, [0.6, 0.83], 0.1).worst, ColourScale.of(ACCURACY, [0.6, 0.83], 0.1).best) == (
        0.1,
        0.85,
    )
    assert ColourScale.of(ACCURACY, [0.38, 1.0], 0.5).worst == 0.3
    assert ColourScale.of(ACCURACY, []).best == 1.0
    assert ColourScale.of(RMSE, [0.1, 50.0]).fraction(50.0) == 0 == ColourScale.of(R2, [-3.0, 0.9]).fraction(-1.0)


@pytest.mark.parametrize("palette", [PALETTE, replace(PALETTE, tones="four"), Palette()])
@given(width=st.integers(0, 120))
def test_the_bar_names_its_ends_and_chance(palette: Palette, width: int) -> None:
    line = ColourScale.of(ACCURACY, [0.2, 1.0], 0.5).bar(width, palette)
    text = "".join(segment.text for segment in line)
    assert len(text) == width
    if width >= 30:
        assert text.startswith("20")
        assert text.endswith("100")
        assert "50 chance" in text


def test_two_rows_share_a_line() -> None:
    sign, style = halves(0, LEVELS - 1, False, Style())
    assert sign == "▀"
    assert style.color is not None
    assert style.bgcolor is not None
    assert (style.color.triplet, style.bgcolor.triplet) == (colour_at(0.0), colour_at(1.0))
    assert halves(None, None, False, Style())[0] == " "
    assert halves(None, 5, False, Style())[0] == "▄"
    assert halves(5, None, False, Style())[1].bgcolor is None


def test_a_matrix_of_any_shape_is_drawn_in_half_as_many_lines() -> None:
    rows = [[0.5], [0.2, math.nan], [0.0, 1.0, 0.9]]
    for palette in (PALETTE, Palette()):
        lines = in_halves(rows, palette, cell=2)
        assert [sum(of.cell_length for of in line) for line in lines] == [4, 6]
    assert ["".join(of.text for of in line) for line in lines] == ["xx  ", "##    "]
    assert not style_at(math.nan, PALETTE)


def test_every_method_has_a_mark_of_its_own_on_every_terminal() -> None:
    found = marks.marks(list(METHODS))
    signs = [mark.sign for mark in found]
    for shown in (signs, [translated(sign) for sign in signs], [marks.NARROW[sign] for sign in signs]):
        assert len(set(shown)) == len(METHODS)
        assert all(cell_len(sign) == 1 for sign in shown)
    assert all(unicodedata.east_asian_width(sign) == "N" for sign in marks.NARROW.values())
    assert all(mark.style(PALETTE) is not None for mark in found)
    narrow = NarrowFilter().apply([Segment("● si ▲")], Color(0, 0, 0))
    assert narrow == [Segment("⦁ si ▴")]


def test_many_groups_of_a_method_have_marks_too() -> None:
    assert len({mark.sign for mark in marks.marks(["si"] * 9)}) == 9
    assert len(marks.marks(["si"] * 40)) == 40
