"""Means, scales and bins that an autoencoder takes from its training stars before the training."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import entr

from specnb.surveys.outliers import far_from_others


@dataclass(frozen=True)
class Scales:
    """Means, scales and ranges of the training stars, and of no others.

    Attributes
    ----------
    flux_mean : ndarray, shape (n_pix,), float32
        Mean of the unmasked flux in each pixel.
    flux_scale : float
        Standard deviation of the flux about that mean, over all unmasked pixels.
    label_mean, label_std, label_low, label_high : ndarray, shape (n_labels,), float64
        Mean, standard deviation, lowest and highest value of each label, without values that are
        far from all others (`specnb.surveys.outliers.far_from_others`): the stars of these fall in
        the first or last bin.
    """

    flux_mean: np.ndarray = field(repr=False)
    flux_scale: float
    label_mean: np.ndarray
    label_std: np.ndarray
    label_low: np.ndarray
    label_high: np.ndarray

    @classmethod
    def of(cls, spectra, values, labels):
        """Scales of training spectra and their labels, shape (n, n_labels).

        Raises
        ------
        ValueError
            If a pixel is masked in every spectrum, or if a label has the same value for all stars
            and therefore no bins.
        """
        good = ~spectra.mask
        if not good.any(axis=0).all():
            pixel = spectra.wavelength[np.argmin(good.any(axis=0))]
            raise ValueError(
                f"the pixel at {pixel:.2f} Å is masked in all training spectra: cut it off"
            )
        if (far := far_from_others(values)).any():
            values = np.ma.array(values, mask=far)
        low, high = (np.ma.getdata(each(axis=0)) for each in (values.min, values.max))
        if (constant := low == high).any():
            k = np.argmax(constant)
            raise ValueError(
                f"all training stars have {labels[k]} = {low[k]:g}, which has no bins: "
                "leave it out of labels"
            )
        mean = np.where(good, spectra.flux, 0).sum(axis=0, dtype=float) / good.sum(axis=0)
        difference = np.where(good, spectra.flux - mean, 0)
        scale = np.sqrt((difference**2).sum() / good.sum())
        if scale == 0:
            raise ValueError("all training spectra are the same: there is nothing to learn")
        return cls(
            mean.astype(np.float32),
            float(scale),
            np.ma.getdata(values.mean(axis=0)),
            np.ma.getdata(values.std(axis=0)),
            low,
            high,
        )

    def targets(self, values, config) -> np.ndarray:
        """The bin that each discriminator should predict, int64, shape (n, n_discriminators).

        All bins of a label have the same width. They reach from the lowest to the highest training
        label. Labels beyond the range, which new stars may have, fall in the first or last bin. For
        a joint discriminator there is one column with the bin in the product of all labels' bins.
        """
        position = (np.asarray(values) - self.label_low) / (self.label_high - self.label_low)
        index = np.clip((position * config.bins).astype(np.int64), 0, config.bins - 1)
        if not config.joint:
            return index
        return np.ravel_multi_index(index.T, (config.bins,) * index.shape[1])[:, None]


def chance(index) -> np.ndarray:
    """Loss of discriminators that know only how often each bin occurs, in nats.

    Parameters
    ----------
    index : ndarray of int, shape (n, n_discriminators)
        The bin of each star for each discriminator.

    Returns
    -------
    ndarray, shape (n_discriminators,)
    """
    shares = (np.unique(column, return_counts=True)[1] / len(index) for column in index.T)
    return np.array([(entr(p) + entr(1 - p)).sum() for p in shares])
