"""Two-dimensional maps of data with many dimensions, made with t-SNE."""

import numpy as np
from sklearn.manifold import TSNE

from specnb.core.labels import finite_rows
from specnb.evaluate.two_sample import alike

PERPLEXITY = 80.0  # that of the maps in O'Briain et al. (2020)


def project(values, seed: int = 0, n: int | None = None, perplexity: float = 30.0) -> np.ndarray:
    """Make a t-SNE map in two dimensions, which shows neighbours but not distances.

    3000 stars take half a minute.

    Parameters
    ----------
    values : array_like, shape (n_stars, n_dimensions)
        Latents, or the flux of spectra. The dimensions are not rescaled.
    seed : int
    n : int, optional
        Only the first n stars are used.
    perplexity : float
        Approximate number of neighbours that are taken into account.

    Returns
    -------
    ndarray, shape (n, 2)

    Raises
    ------
    ValueError
        If a value is not finite, or there are too few dimensions or stars.
    """
    single = getattr(values, "dtype", float) == np.float32
    values = finite_rows(values[:n], "values", dtype=np.float32 if single else float)
    return TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(values)


def project_two(first, second, seed: int = 0, n: int = 1000):
    """Make one t-SNE map of two sets, as in Fig. 2 of O'Briain et al. (2020), with perplexity 80.

    Parameters
    ----------
    first, second : Spectra, or array_like of shape (n, ...)
        The two sets, as for `specnb.evaluate.two_sample.two_sample_auc`.
    seed : int
    n : int
        Only the first n stars of each set are used.

    Returns
    -------
    first, second : ndarray, shape (n, 2)

    Raises
    ------
    ValueError
        If the columns or pixels differ, a value is not finite, or both sets together have no more
        than 80 stars.
    """
    values = alike(first[:n], second[:n], seed)
    points = project(np.concatenate(values), seed, perplexity=PERPLEXITY)
    return tuple(np.split(points, [len(values[0])]))
