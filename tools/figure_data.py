"""What a figure draws, as numbers and words, beside its image in the notebook.

An IPython extension of the kernels that tools/notebooks.py starts. Images differ between versions of fonts and libraries;
what they show must not. So each displayed figure carries a summary of its data (`MIME`), which `make test` compares, and
whose words the site gives as the image's alternative text.
"""
import numpy as np
from IPython.core.formatters import BaseFormatter
from traitlets import Unicode

MIME = "application/vnd.loyalty.figure+json"


def summarise(values) -> list[float]:
    """Least, greatest, mean, and a mean weighted by place (so that order counts), in ten digits; gaps left out."""
    numbers = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan).ravel()
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return []
    weights = np.arange(1, numbers.size + 1)
    four = numbers.min(), numbers.max(), numbers.mean(), (weights * numbers).sum() / weights.sum()
    return [float(f"{number:.10g}") for number in four]


def mark(kind: str, points, label: str = "", values=None) -> dict:
    """One drawn thing: what it is, its name, how many points, and their summary."""
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    found = {"kind": kind, "points": len(points), "x": summarise(points[:, 0]), "y": summarise(points[:, 1])}
    if label and not label.startswith("_"):
        found["label"] = label
    return found if values is None else {**found, "values": summarise(values)}


def describe_marks(ax) -> list[dict]:
    """Lines, bars and other patches (together), areas, clouds of points and images of an axes."""
    marks = [mark("line", line.get_xydata(), str(line.get_label())) for line in ax.lines]
    if ax.patches:
        corners = [patch.get_patch_transform().transform(patch.get_path().vertices) for patch in ax.patches]
        marks.append(mark(f"{len(ax.patches)} patches", np.concatenate(corners)))
    for drawn in ax.collections:
        paths = [path.vertices for path in drawn.get_paths()]
        scattered = type(drawn).__name__ == "PathCollection"
        points = drawn.get_offsets() if scattered else np.concatenate(paths or [np.empty((0, 2))])
        marks.append(mark("points" if scattered else "area", points, str(drawn.get_label()), drawn.get_array()))
    return marks + [mark("image", np.reshape(image.get_extent(), (2, 2)).T, values=image.get_array()) for image in ax.images]


def tick_names(axis) -> list[str]:
    """The labels of an axis whose ticks were set, as where it names things; else none."""
    named = type(axis.get_major_locator()).__name__ in ("FixedLocator", "StrCategoryLocator")
    return [label.get_text() for label in axis.get_ticklabels()] if named else []


def describe_axes(ax) -> dict:
    legend = ax.get_legend()
    words = {
        "title": ax.get_title(loc="left") or ax.get_title(),
        "x_label": ax.get_xlabel(), "y_label": ax.get_ylabel(),
        "x_names": tick_names(ax.xaxis), "y_names": tick_names(ax.yaxis),
        "legend": [text.get_text() for text in legend.get_texts()] if legend else [],
        "words": [text.get_text() for text in ax.texts],
    }
    return {name: found for name, found in words.items() if found} | {"marks": describe_marks(ax)}


def describe(figure) -> dict:
    """Words and data of a figure."""
    return {"title": figure.get_suptitle(), "note": figure.get_supxlabel(), "axes": [describe_axes(ax) for ax in figure.axes if ax.axison]}


class FigureData(BaseFormatter):
    """Not registered for the type: matplotlib's inline backend would unregister it."""

    format_type = Unicode(MIME)

    def __call__(self, shown: object) -> dict | None:
        return describe(shown) if type(shown).__name__ == "Figure" and hasattr(shown, "axes") else None


def load_ipython_extension(shell) -> None:
    shell.display_formatter.formatters[MIME] = FigureData(parent=shell.display_formatter)
