"""Pictures: well-formed, complete, and never misled by what isn't known."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.runtime.svg import COLOURS, HEIGHT, WIDTH, Plot
from models.reporting.plots import bars, interval_of, lines, shades

SVG = "{http://www.w3.org/2000/svg}"
law = settings(deadline=None, max_examples=40)
numbers = st.one_of(st.none(), st.just(math.nan), st.floats(-1e6, 1e6))
values = st.one_of(numbers, st.tuples(numbers, numbers, numbers))


def parsed(plot: Plot) -> ET.Element:
    return ET.fromstring(plot.svg)  # noqa: S314 - our own text


def shapes(plot: Plot, kind: str) -> list[dict[str, str]]:
    return [dict(shape.attrib) for shape in parsed(plot).iter(f"{SVG}{kind}")]


def texts(plot: Plot) -> list[str]:
    return [str(text.text) for text in parsed(plot).iter(f"{SVG}text")]


class TestBars:
    def test_a_bar_is_as_high_as_its_value(self) -> None:
        plot = bars("b", "Bars", ["one", "two"], {"ours": [1.0, 2.0]}, "nats")
        heights = [float(box["height"]) for box in shapes(plot, "rect") if box["fill"] == COLOURS[0]][1:]
        assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
        assert {"Bars", "one", "two", "ours", "nats", "0", "2"} <= set(texts(plot))

    def test_below_zero_a_bar_hangs(self) -> None:
        plot = bars("b", "Bars", ["up", "down"], {"ours": [1.0, -1.0]}, "")
        up, down = [box for box in shapes(plot, "rect") if box["fill"] == COLOURS[0]][1:]
        assert float(up["y"]) + float(up["height"]) == pytest.approx(float(down["y"]), abs=0.2)

    def test_what_is_not_known_is_left_out(self) -> None:
        plot = bars("b", "Bars", ["one", "two"], {"ours": [None, [1.0, None, None]], "theirs": [math.nan, [1.0, 0.5, 1.5]]}, "")
        drawn = [box for box in shapes(plot, "rect") if box["fill"] in COLOURS[:2]]
        assert len(drawn) == 2 + 2, "two in the legend, two known values"
        assert sum(line["stroke"] == "#333" for line in shapes(plot, "line")) == 1, "one has an interval"

    @law
    @given(st.lists(values, min_size=1, max_size=5), st.text(max_size=30))
    def test_anything_can_be_drawn(self, series: list, name: str) -> None:
        """No number that isn't finite reaches the file, and no name breaks it."""
        name = "".join(character for character in name if character.isprintable())
        for plot in (
            bars("b", name, [name] * len(series), {name: series}, name),
            lines("l", name, [float(at) for at in range(len(series))], {name: series}, x_label=name, y_label=name),
        ):
            parsed(plot)
            assert "nan" not in plot.svg.replace(name, "")
            assert "inf" not in plot.svg.replace(name, "")


class TestLines:
    def test_points_are_joined_in_their_order(self) -> None:
        plot = lines("l", "Lines", [0.0, 1.0, 2.0], {"ours": [0.0, 1.0, 0.0]}, x_label="beats", y_label="share")
        dots = [(float(dot["cx"]), float(dot["cy"])) for dot in shapes(plot, "circle")]
        assert dots[0][1] == dots[2][1] > dots[1][1]
        assert dots[0][0] < dots[1][0] < dots[2][0]
        assert sum(line["stroke"] == COLOURS[0] for line in shapes(plot, "line")) == 2

    def test_a_band_is_shaded_and_named(self) -> None:
        plot = lines("l", "", [0.0, 1.0], {"ours": [0.0, 1.0]}, x_label="", y_label="", band=("human", 0.25, 0.75))
        (band,) = [box for box in shapes(plot, "rect") if "fill-opacity" in box]
        assert band["fill"] == COLOURS[1]
        assert "human" in texts(plot)

    def test_everything_is_inside(self) -> None:
        plot = lines("l", "", [3.0, 40.0], {"ours": [[-5.0, -9.0, 7.0], 1000.0]}, x_label="", y_label="")
        for line in shapes(plot, "line"):
            assert all(0 <= float(line[key]) <= WIDTH for key in ("x1", "x2"))
            assert all(0 <= float(line[key]) <= HEIGHT for key in ("y1", "y2"))


def test_shades_are_as_dark_as_the_share() -> None:
    plot = shades("s", "Confusion", ["a", "b"], ["a", "b"], [[1.0, 0.25], [None, 0.5]])
    assert [box.get("fill-opacity") for box in shapes(plot, "rect")[1:]] == [None, "0.25", "0.50"]
    assert {"1.00", "0.25", "0.50", "a", "b"} <= set(texts(plot))


def test_a_file_is_small() -> None:
    plot = lines("l", "t", [float(at) for at in range(64)], {"ours": [0.5] * 64}, x_label="x", y_label="y")
    assert len(plot.svg) < 20_000


def test_an_interval_is_what_is_known_of_it() -> None:
    assert interval_of(1.0) == (1.0, None, None)
    assert interval_of([1.0, math.nan, 2.0]) == (1.0, None, 2.0)
    assert interval_of(None) == (None, None, None)
