"""The figure that stands where one would need what nobody knows, such as the truth of real stars."""

from textwrap import fill

from specnb.plots.style import COLUMN, panel_grid, styled


@styled
def absent(why: str):
    """Draw an empty panel that says why nothing is drawn.

    Parameters
    ----------
    why : str
        A sentence, such as "No truth is known of real stars."

    Returns
    -------
    Figure
    """
    figure, (axes,) = panel_grid(1, 1.2, columns=1, width=COLUMN)
    axes.text(0.5, 0.5, fill(why, 48), ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    return figure
