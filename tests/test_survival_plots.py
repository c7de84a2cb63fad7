"""Charts of survival: what is drawn is what the table holds, what cannot be drawn is refused."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loyalty_research import survival_plots as plots

SEEN = pd.DataFrame({"hazard": [0.4, 0.2], "low": [0.3, 0.1], "high": [0.5, 0.3]}, index=[1, 2])
KEPT = pd.DataFrame([[1.0, 0.4], [1.0, np.nan]], index=["Jan", "Feb"], columns=[0, 1])
TOTALS = pd.DataFrame({"made": [0, 3, 9], "expected": [0.0, 4.0, 8.0]}, index=pd.date_range("2024-01-31", periods=3, freq="ME"))
PROFILE = pd.DataFrame({"loglik": [-12.0, -10.0, -11.0]}, index=[0.5, 1.0, 2.0])
EVERY = {
    "hazard": lambda ax=None: plots.plot_hazard({"seen": SEEN, "fitted": SEEN[["hazard"]]}, x_label="years", ax=ax),
    "heat": lambda ax=None: plots.plot_heat(KEPT, x_label="months", y_label="cohort", value_label="share", ax=ax),
    "tracking": lambda ax=None: plots.plot_tracking(TOTALS, known_to=TOTALS.index[1], ax=ax),
    "profile": lambda ax=None: plots.plot_profile({"r": PROFILE}, x_label="r", ax=ax),
}
each_plot = pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)


@pytest.fixture(autouse=True)
def closed_figures(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield
    plt.close("all")


@each_plot
def test_plot_draws_on_the_given_axes_or_its_own(draw):
    from loyalty_research.plots import panels

    _, given_axes = panels(1, 2)
    assert draw(given_axes) is given_axes
    ax = draw()
    ax.figure.canvas.draw()     # a missing glyph is a warning, and so an error
    assert ax.get_xlabel() or ax.get_ylabel()


def test_what_is_drawn_is_what_is_given():
    hazard = EVERY["hazard"]()
    assert [line.get_ydata().tolist() for line in hazard.lines] == [[0.4, 0.2], [0.4, 0.2]]
    assert [segment[:, 1].tolist() for segment in hazard.collections[0].get_segments()] == [[0.3, 0.5], [0.1, 0.3]]
    heat = EVERY["heat"]()
    assert [text.get_text() for text in heat.texts] == ["100%", "40%", "100%"]
    assert np.ma.filled(heat.collections[0].get_array(), np.nan).ravel().tolist()[:3] == [1.0, 0.4, 1.0]
    tracking = EVERY["tracking"]()
    assert tracking.lines[0].get_ydata().tolist() == [0, 3, 9] and len(tracking.lines) == 3
    profile = EVERY["profile"]()
    assert profile.lines[0].get_ydata().tolist() == [-2, 0, -1] and profile.lines[1].get_ydata()[0] == -1.92


@pytest.mark.parametrize(("draw", "says"), [
    (lambda: plots.plot_hazard({"a": -SEEN}, x_label=""), "0 or more"),
    (lambda: plots.plot_hazard({"a": SEEN[::-1]}, x_label=""), "must ascend"),
    (lambda: plots.plot_heat(2 * KEPT, x_label="", y_label="", value_label=""), "between 0 and 1"),
    (lambda: plots.plot_heat(KEPT.iloc[:0], x_label="", y_label="", value_label=""), "at least one row"),
    (lambda: plots.plot_tracking(TOTALS[::-1].set_index(TOTALS.index)), "'made' does"),
    (lambda: plots.plot_profile({"r": PROFILE[::-1]}, x_label=""), "must ascend"),
    (lambda: plots.plot_profile({"r": PROFILE.set_axis([0, 1, 2])}, x_label=""), "above 0"),
    (lambda: plots.plot_profile({"r": np.nan * PROFILE}, x_label=""), "must be finite"),
])
def test_what_cannot_be_drawn_is_refused(draw, says):
    with pytest.raises(ValueError, match=says):
        draw()
