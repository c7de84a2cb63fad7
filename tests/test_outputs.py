"""The comparison of stored outputs with fresh ones (tools/outputs.py), and the data of figures (tools/figure_data.py)."""
import copy
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from figure_data import MIME, describe  # noqa: E402
from outputs import compare_outputs, first_difference  # noqa: E402
from site_pages import alternative_text  # noqa: E402


def notebook(**data):
    output = new_output("execute_result", {name.replace("_", "/"): text for name, text in data.items()})
    return new_notebook(cells=[new_code_cell("1", id="one", outputs=[output])])


@pytest.mark.parametrize("old, new", [
    ("0.1234567", "0.12345671"), ("1e-15", "3e-15"), ("-0.0", "0.0"), ("a  b\n1", "a b 1"), ("<table><td>1,234.5", "<table><td>1,234.5"),
])
def test_the_same_said_again(old, new):
    assert compare_outputs(notebook(text_plain=old), notebook(text_plain=new)) == []


@pytest.mark.parametrize("old, new", [
    ("0.123", "0.124"), ("1,000,000", "1,000,001"), ("3 customers", "4 customers"), ("jd 1", "kaola 1"), ("1 2", "1 2 3"), ("1.0", "1"),
    ("life is 5 days", "life is 6 days"), ("2024-05-01", "2024-05-02"),
])
def test_something_else_said(old, new):
    problem, = compare_outputs(notebook(text_plain=old), notebook(text_plain=new))
    assert problem.startswith("cell one: text/plain: ")


@pytest.mark.parametrize("old, new", [
    ("<object at 0x7f12ab34cd56>", "<object at 0x7f99ab34cd00>"), ("took 1.25 s", "took 2.5 s"), ("40 ms", "2 ms"), ('id="T_1a2b3_row0"', 'id="T_9f8e7_row0"'),
])
def test_what_varies_is_left_out(old, new):
    assert compare_outputs(notebook(text_html=old), notebook(text_html=new)) == []


def test_progress_bars_and_stderr_are_left_out():
    bare, full = (notebook(text_plain="7") for _ in range(2))
    full.cells[0].outputs += [new_output("stream", name="stderr", text="50%"),
                              new_output("display_data", {"text/plain": "  0%|          | 0/6 [00:00<?, ? runs/s]"}),
                              new_output("display_data", {"text/plain": "jd:   0%|          | 0/400 [00:00<?, ? customers/s]"})]
    assert compare_outputs(bare, full) == []


def test_an_output_more_or_less_is_told():
    more = notebook(text_plain="7")
    more.cells[0].outputs.append(new_output("stream", name="stdout", text="more"))
    assert compare_outputs(notebook(text_plain="7"), more) == ["cell one: text/plain is now text/plain, stdout"]


def test_a_difference_names_both_numbers():
    assert first_difference("share 0.52 of 9", "share 0.53 of 9") == "'share 0.52' is now 'share 0.53'"


def draw(heights, label="orders"):
    figure = Figure()
    ax = figure.subplots()
    ax.plot([1.0, 2.0, 3.0], heights, label=label)
    ax.bar([1, 2], [3, 4])
    ax.scatter([1, 2], [5.0, 6.0])
    ax.imshow(np.zeros((2, 2)))
    ax.set_title("Orders rise", loc="left")
    ax.set_xlabel("week")
    ax.set_yticks([0, 1], ["few", "many"])
    return figure


def shown(figure):
    data = {"image/png": "", "text/plain": "<Figure>", MIME: describe(figure)}
    return new_notebook(cells=[new_code_cell("1", id="one", outputs=[new_output("display_data", data)])])


def test_figures_are_compared_by_their_data():
    first = shown(draw([1.0, 2.0, 3.0]))
    assert compare_outputs(first, shown(draw([1.0, 2.0, 3.0]))) == []
    assert compare_outputs(first, shown(draw([1.0, 2.0, 3.0 + 1e-9]))) == []
    for other in (draw([1.0, 2.0, 3.1]), draw([3.0, 2.0, 1.0]), draw([1.0, 2.0, 3.0], "visits")):
        assert len(compare_outputs(first, shown(other))) == 1


def test_an_image_without_its_data_is_told():
    bare = shown(draw([1.0, 2.0, 3.0]))
    del bare.cells[0].outputs[0].data[MIME]
    assert "an image without its data" in compare_outputs(bare, copy.deepcopy(bare))[0]


def test_a_figure_describes_itself():
    assert alternative_text(shown(draw([1.0, 2.0, 3.0])).cells[0]) == "Chart. Orders rise. across: week. orders, few, many."
