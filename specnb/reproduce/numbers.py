"""The numbers that a figure draws, so that they can be read and not only seen."""

from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.collections import Collection, PathCollection
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch


def write_numbers(path, figure):
    """Write the numbers of a figure to an .npz file, the same bytes for the same figure."""
    with Path(path).open("wb") as f:
        np.savez_compressed(f, **drawn_numbers(figure))


def drawn_numbers(figure) -> dict[str, np.ndarray]:
    """All numbers that a matplotlib figure draws: lines, points, areas, bars and images.

    Colour bars are left out, and what spans a whole panel, such as a line at zero.

    Returns
    -------
    dict
        Arrays (float32) by names such as ``panel 1 (Flux)/observed/x``: the panel with the label of
        its y axis, the label of what is drawn, and the coordinate. Areas have an ``outline`` (n, 2),
        where a row of NaN ends each. What has no label is named after its kind.
    """
    numbers, panels = {}, [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for place, axes in enumerate(panels, start=1):
        title = axes.get_ylabel() or axes.get_title() or axes.get_xlabel()
        panel = f"panel {place} ({title})" if title else f"panel {place}"
        for label, artist in _labelled(axes):
            for key, values in _numbers_of(artist).items():
                name = " ".join(f"{panel}/{label}/{key}".split()).replace("..", ".")
                numbers[name] = np.ma.array(values, dtype=np.float32).filled(np.nan)
    return numbers


def _labelled(axes):
    """What a panel draws, each with a label of its own: bars, lines, areas, points, images."""
    bars = [each for each in axes.containers if isinstance(each, BarContainer)]
    parts = {part: each.get_label() for each in axes.containers for part in each.get_children()}
    others = [*axes.lines, *axes.collections, *axes.images]
    others += [each for each in axes.patches if each not in parts]
    count = Counter()
    for artist in [*bars, *filter(_is_data, others)]:
        label = str(parts.get(artist, artist.get_label()))
        label = type(artist).__name__ if label[:1] in ("", "_") else label
        count[label] += 1
        yield label if count[label] == 1 else f"{label} {count[label]}", artist


def _is_data(artist):
    """Whether both coordinates of an artist are data, unlike those of a line across the panel."""
    points = isinstance(artist, PathCollection)
    transform = artist.get_offset_transform() if points else artist.get_transform()
    return all(transform.contains_branch_seperately(artist.axes.transData))


def _numbers_of(artist):
    match artist:
        case Line2D():
            return dict(zip("xy", artist.get_data(orig=False)))
        case AxesImage():
            return {"value": artist.get_array(), "extent": artist.get_extent()}
        case StepPatch():
            return artist.get_data()._asdict()
        case BarContainer():
            boxes = [(*bar.get_xy(), bar.get_width(), bar.get_height()) for bar in artist]
            return dict(zip(("x", "y", "width", "height"), np.array(boxes).T))
        case Collection() if isinstance(artist, PathCollection) or len(artist.get_offsets()) > 1:
            points = dict(zip("xy", artist.get_offsets().T))
            colors = artist.get_array()  # the numbers that they show
            return points if colors is None else points | {"value": colors}
        case Collection():
            paths = artist.get_paths()
        case _:
            paths = [artist.get_path().transformed(artist.get_patch_transform())]
    corners = [corner for path in paths for corner in (*path.vertices, (np.nan, np.nan))]
    return {"outline": np.reshape(corners, (-1, 2))}
