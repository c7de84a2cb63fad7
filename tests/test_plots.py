"""Charts: what is drawn is what the table holds, what cannot be drawn is refused, nothing global changes."""
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_research import plots

MONTHS = pd.date_range("2024-01-31", periods=4, freq="ME")
TWO = pd.DataFrame({"beans": [0, 40, 90, 60], "coins": [10, 30, 60, 59]}, index=MONTHS)
SHARES = pd.DataFrame({"ordinary": [1, 0.9, 0.7, 0.7], "super": [0, 0.1, 0.3, 0.2]}, index=MONTHS)
SPLIT = pd.DataFrame({"redeemed": [0.1, 0.6], "expired": [0.9, 0.4]}, index=["beans", "coins"])
RANGES = pd.DataFrame({"value": [1.0, 2.0], "low": [0.8, 2.0], "high": [1.3, 2.5]}, index=["beans", "value"])
SWINGS = pd.DataFrame({"low": [1.0, 2.5], "high": [4.0, 2.2], "low_at": ["0.03", "0"], "high_at": ["0.3", "5"]}, index=["margin", "cost"])
FEES = pd.DataFrame({"plus": [np.nan, 198, 188, 188]}, index=[100, 201, 1001, 5000])
LEFT = pd.DataFrame({"survival": [0.9, 0.6], "low": [0.7, np.nan], "high": [1.0, np.nan]}, index=[1, 3])
EVERY = {
    "lines": lambda ax=None: plots.plot_lines(TWO, y_label="points", ax=ax),
    "flows": lambda ax=None: plots.plot_flows(TWO, y_label="points", ax=ax),
    "shares": lambda ax=None: plots.plot_shares(SHARES, y_label="share", ax=ax),
    "distribution": lambda ax=None: plots.plot_distribution({"beans": [0, 1, 5]}, x_label="points", ax=ax),
    "histogram": lambda ax=None: plots.plot_histogram([1, 2, 3], [0, 2, 4], x_label="months", ax=ax),
    "fees": lambda ax=None: plots.plot_fees(FEES, ax=ax),
    "split": lambda ax=None: plots.plot_split(SPLIT, x_label="share", ax=ax),
    "ranges": lambda ax=None: plots.plot_ranges(RANGES, x_label="CNY", ax=ax),
    "tornado": lambda ax=None: plots.plot_tornado(SWINGS, base=2.0, x_label="CNY", ax=ax),
    "survival": lambda ax=None: plots.plot_survival({"a": LEFT, "b": LEFT[["survival"]]}, x_label="years", ax=ax),
    "counts": lambda ax=None: plots.plot_counts(SPLIT, x_label="kind", y_label="customers", ax=ax),
}
each_plot = pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)


@pytest.fixture(autouse=True)
def closed_figures(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield
    plt.close("all")


def test_matplotlib_loads_on_the_first_plot():
    code = "import sys; import loyalty_research.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@each_plot
def test_plot_returns_its_axes_and_leaves_the_settings_alone(draw):
    import matplotlib as mpl

    before = mpl.rcParams.copy()
    ax = draw()
    ax.figure.canvas.draw()
    assert isinstance(ax, mpl.axes.Axes)
    assert ax.get_xlabel() or ax.get_ylabel()
    assert mpl.rcParams == before


@each_plot
def test_plot_draws_on_the_given_axes(draw):
    _, given_axes = plots.panels(1, 2)
    assert draw(given_axes) is given_axes


@each_plot
def test_every_word_has_a_glyph(draw):
    draw().figure.canvas.draw()     # a missing glyph is a warning, and so an error


@each_plot
def test_words_do_not_overlap(draw):
    ax = draw()
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    clashes = [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert not clashes


def test_labels_of_equal_lines_are_spread():
    same = pd.DataFrame({name: [0.0, 5.0] for name in ("a", "b", "c")}, index=[0, 1])
    ax = plots.plot_lines(same, y_label="points")
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 3
    assert not any(boxes[i].overlaps(boxes[j]) for i in range(3) for j in range(i))


def test_ticks_made_later_keep_the_style():
    ax = plots.plot_lines(TWO, y_label="points")
    ax.set_ylim(0, 10_000)
    ax.figure.canvas.draw()
    assert {label.get_fontsize() for label in ax.get_yticklabels()} == {9}
    assert "10,000" in [label.get_text() for label in ax.get_yticklabels()]


def test_flows_stack_on_either_side_of_zero():
    flows = {"issued": [5, 4], "granted": [1, 0], "spent": [-2, -3], "expired": [-1, -1]}
    table = pd.DataFrame(flows, index=MONTHS[:2])
    ax = plots.plot_flows(table, y_label="points")
    tops = [(bar.get_y(), bar.get_y() + bar.get_height()) for container in ax.containers for bar in container]
    assert tops == [(0, 5), (0, 4), (5, 6), (4, 4), (0, -2), (0, -3), (-2, -3), (-3, -4)]


def test_distribution_keeps_zeros_in_the_whole():
    ax = plots.plot_distribution({"beans": [0, 0, 10, 100]}, x_label="points")
    assert ax.lines[0].get_ydata().tolist() == [0.5, 0.5, 0.25, 0]
    assert ax.lines[0].get_xdata().tolist() == [8, 10, 100, 100]


def test_marks_stand_on_dates_and_numbers():
    ax = plots.plot_lines(TWO, y_label="points")
    plots.add_mark(ax, MONTHS[1], "here", axis="x")
    plots.add_mark(ax, 50, "half", side="left")
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.texts[-2:]] == ["here", "half"]
    assert ax.lines[-1].get_ydata() == [50, 50]


def test_survival_starts_at_one_and_its_band_stops_where_it_is_not_defined():
    ax = plots.plot_survival({"members": LEFT}, x_label="years")
    assert ax.lines[0].get_xydata().tolist() == [[0, 1], [1, 0.9], [3, 0.6]]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 0].max() <= 3 and band[:, 1].min() == 0.7
    smooth = plots.plot_survival({"model": LEFT[["survival"]]}, x_label="years", smooth=["model"])
    assert smooth.lines[0].get_drawstyle() == "default" and not smooth.collections


def test_ranges_write_the_text_where_there_is_one():
    ax = plots.plot_ranges(RANGES.assign(text=["0.8 to 1.3", "2 to 2.5"]), x_label="CNY")
    assert [text.get_text() for text in ax.texts] == ["0.8 to 1.3", "2 to 2.5"]


def test_tornado_bars_run_from_the_base_and_say_where_they_end():
    ax = plots.plot_tornado(SWINGS, base=2.0, x_label="CNY")
    assert [[(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] for bars in ax.containers] == [[(2, 1), (2, 2.5)], [(2, 4), (2, 2.2)]]
    assert [text.get_text() for text in ax.texts] == ["0.03", "0", "0.3", "5"]
    assert not plots.plot_tornado(SWINGS[["low", "high"]], base=2.0, x_label="CNY").texts


@pytest.mark.parametrize(("draw", "message"), [
    (lambda: plots.plot_lines(TWO.iloc[:0], y_label="x"),
     "table must be a DataFrame with at least one row and one column, received an empty table."),
    (lambda: plots.plot_lines(TWO["beans"], y_label="x"), "received Series"),
    (lambda: plots.plot_lines(TWO.astype(str), y_label="x"), "column 'beans' is str, not a number"),
    (lambda: plots.plot_lines(TWO[::-1], y_label="x"), "the index must ascend"),
    (lambda: plots.plot_lines(TWO, y_label="x", log_y=True), "column 'beans' must be above 0, received 0 (rows 0)"),
    (lambda: plots.plot_lines(TWO, y_label="x", label_at="left"), "label_at is 'left'"),
    (lambda: plots.plot_lines(TWO, y_label="x", colors={"beans": "red"}), "colors names 'red'"),
    (lambda: plots.plot_lines(pd.DataFrame(np.ones((2, 9))), y_label="x"), "9 series are more than the 8"),
    (lambda: plots.plot_flows(TWO.assign(beans=np.nan), y_label="x"), "must be finite, received nan (rows 0, 1, 2, 3)"),
    (lambda: plots.plot_flows(TWO.reset_index(drop=True), y_label="x"), "the ends of at least two periods"),
    (lambda: plots.plot_shares(2 * SHARES, y_label="x"), "must sum to at most 1, received 2 at 2024-01-31"),
    (lambda: plots.plot_shares(-SHARES, y_label="x"), "column 'ordinary' must be 0 or more, received -1.0"),
    (lambda: plots.plot_shares(SHARES, y_label="x", top=0.5), "top is 0.5, but the shares sum to 1"),
    (lambda: plots.plot_distribution({"a": [0, 0]}, x_label="x"), "'a' has nothing above 0"),
    (lambda: plots.plot_distribution({"a": [1, np.inf]}, x_label="x"),
     "column 'a' must be 0 or more, received inf (rows 1)"),
    (lambda: plots.plot_histogram([1, 9], [0, 5], x_label="x"),
     "1 of 2 values lie outside the bins 0 to 5, the first is 9"),
    (lambda: plots.plot_fees(FEES.set_axis([0, 201, 1001, 5000])), "needs scores above 0, received 0"),
    (lambda: plots.plot_split(2 * SPLIT, x_label="x"), "must sum to 1, received 2 at 'beans'"),
    (lambda: plots.plot_ranges(RANGES[["value"]], x_label="x"), "table lacks the column 'low'"),
    (lambda: plots.plot_ranges(RANGES.assign(high=0.5), x_label="x"),
     "low <= value <= high must hold, received [0.8, 1.0, 0.5] in row 0"),
    (lambda: plots.plot_tornado(SWINGS[["low"]], base=2, x_label="x"), "table lacks the column 'high'"),
    (lambda: plots.plot_tornado(SWINGS, base=np.nan, x_label="x"), "column 'base' must be finite, received nan (rows 0, 1)"),
    (lambda: plots.plot_survival({"a": LEFT[::-1]}, x_label="x"), "curves['a']: the index must ascend"),
    (lambda: plots.plot_survival({"a": LEFT - 1}, x_label="x"), "column 'survival' must be 0 or more"),
    (lambda: plots.plot_counts(-SPLIT, x_label="x", y_label="y"), "column 'redeemed' must be 0 or more"),
    (lambda: plots.save_result("x", 3), "x: a result is a DataFrame, an Axes or a Figure, not int."),
])
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError) as error:
        draw()
    assert message in str(error.value)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.floats(0.01, 5))
def test_spread_places_keep_order_gap_and_middle(places, gap):
    spread = plots.spread_apart(places, gap)
    order = np.argsort(places, kind="stable")
    assert (np.diff(spread[order]) >= gap - 1e-9).all()
    assert spread.mean() == pytest.approx(np.mean(places), abs=1e-9)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_share_at_least_is_the_count(values):
    share = plots.share_at_least(values)
    assert share.to_dict() == {x: pytest.approx(sum(v >= x for v in values) / len(values)) for x in set(values)}


def test_results_go_into_the_study_folder_only(tmp_path, monkeypatch):
    monkeypatch.delenv("LR_STUDY_DIR", raising=False)
    plots.save_result("nothing", TWO)
    monkeypatch.setenv("LR_STUDY_DIR", str(tmp_path))
    plots.save_result("plain", SPLIT)
    plots.save_result("named", SPLIT.rename_axis("currency"))
    ax = plots.plot_split(SPLIT, x_label="share")
    plots.save_result("one", ax)
    plots.save_result("two", ax.figure)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["named.csv", "one.png", "plain.csv", "two.png"]
    assert (tmp_path / "plain.csv").read_text().splitlines() == ["redeemed,expired", "0.1,0.9", "0.6,0.4"]
    assert (tmp_path / "named.csv").read_text().splitlines()[0] == "currency,redeemed,expired"
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_table_writes_what_it_holds_and_aligns_numbers():
    mixed = pd.DataFrame({"first": {"members": 0.25, "told": "1 to 2"}, "second": {"members": 1234.5, "told": "<b>"}}).T
    html = plots.style_table(mixed, members="{:.1f}").to_html()
    assert ">0.2<" in html and ">1234.5<" in html and "&lt;b&gt;" in html and html.count("first") == 1
    assert ".col0 {\n  text-align: right" in html and ".col1 {\n  text-align: left" in html
    assert [plots.write_number(value) for value in (999.4, 999.6, -0.01234)] == ["999", "1,000", "-0.0123"]
    assert ">1,234<" in plots.style_table(mixed).to_html() and "first" not in plots.style_table(mixed, index=False).to_html()
    with pytest.raises(ValueError, match="lacks the column 'share'"):
        plots.style_table(mixed, share="{:.0%}")
