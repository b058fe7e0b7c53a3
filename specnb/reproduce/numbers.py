"""The numbers that a figure draws, so that they can be read and not only seen."""

import numpy as np
from matplotlib.collections import Collection, PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, StepPatch


def write_numbers(path, figure):
    """Write the numbers of a figure to an .npz file, the same bytes for the same figure."""
    with open(path, "wb") as f:
        np.savez_compressed(f, **drawn_numbers(figure))


def drawn_numbers(figure) -> dict[str, np.ndarray]:
    """All numbers that a matplotlib figure draws: lines, points, areas, bars and images.

    Colour bars are left out, and what spans a whole panel, such as a line at zero.

    Returns
    -------
    dict
        Arrays (float32) by names such as ``panel 1 (Flux)/observed/x``: the panel with the label of
        its y axis, the label of what is drawn, and the coordinate. Areas have an ``outline`` (n, 2),
        with rows of NaN between one and the next. What has no label is named after its kind.
    """
    numbers, panels = {}, [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for place, axes in enumerate(panels, start=1):
        title = axes.get_ylabel() or axes.get_title() or axes.get_xlabel()
        panel = f"panel {place} ({title})" if title else f"panel {place}"
        parts = {part: each.get_label() for each in axes.containers for part in each.get_children()}
        bars = [each for each in axes.containers if isinstance(each, BarContainer)]
        others = [*axes.lines, *axes.collections, *axes.patches, *axes.images]
        in_bars = {bar for each in bars for bar in each}
        drawn = bars + [each for each in others if each not in in_bars and _is_data(each, axes)]
        used = set()
        for number, artist in enumerate(drawn, start=1):
            label = str(parts.get(artist, artist.get_label()))
            if label in used or label[:1] in ("", "_"):
                label = f"{label if label in used else type(artist).__name__} {number}"
            used.add(label)
            for key, values in _numbers_of(artist).items():
                filled = np.ma.filled(np.ma.array(values, dtype=float), np.nan)
                numbers[" ".join(f"{panel}/{label}/{key}".split())] = filled.astype(np.float32)
    return numbers


def _is_data(artist, axes):
    """Whether both coordinates of an artist are data, unlike those of a line across the panel."""
    points = isinstance(artist, PathCollection)
    transform = artist.get_offset_transform() if points else artist.get_transform()
    return all(transform.contains_branch_seperately(axes.transData))


def _numbers_of(artist):
    match artist:
        case Line2D():
            return dict(zip("xy", artist.get_data(orig=False)))
        case AxesImage():
            return {"value": artist.get_array(), "extent": artist.get_extent()}
        case QuadMesh():
            return {"corners": artist.get_coordinates(), "value": artist.get_array()}
        case StepPatch():
            return artist.get_data()._asdict()
        case BarContainer():
            boxes = [(*bar.get_xy(), bar.get_width(), bar.get_height()) for bar in artist]
            return dict(zip(("x", "y", "width", "height"), np.array(boxes).T))
        case Patch():
            return {"outline": artist.get_path().transformed(artist.get_patch_transform()).vertices}
        case Collection() if isinstance(artist, PathCollection) or len(artist.get_offsets()) > 1:
            values = artist.get_array()  # those that its colours show
            points = dict(zip("xy", artist.get_offsets().T))
            return points if values is None else points | {"value": values}
    gap = [[np.nan, np.nan]]
    pieces = [piece for path in artist.get_paths() for piece in (path.vertices, gap)]
    return {"outline": np.concatenate(pieces[:-1] or [gap])}
