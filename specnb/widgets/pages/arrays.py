"""Arrays for the explorer in the browser: one block of bytes, and what lies where in it."""

import hashlib

import numpy as np
import torch

ALIGNED = 8  # an array begins at a multiple of so many bytes


class Arrays:
    """Arrays that are written one after the other. Equal arrays are written once.

    Parameters
    ----------
    half : bool
        Store arrays of two and more dimensions, the weights, in half precision, and others if this
        changes none of their numbers. It halves the download of a static page.
    """

    def __init__(self, half: bool = False):
        self.half = half
        self._index, self._blocks, self._size, self._known = {}, [], 0, {}

    def add(self, name: str, values, dtype=None) -> str:
        """Add an array.

        Parameters
        ----------
        name : str
        values : array_like or Tensor
        dtype : dtype, optional
            The default is float32, or float16 as described above.

        Returns
        -------
        str
            The name by which the array is found: that of an equal one, if there is one.

        Raises
        ------
        ValueError
            If another array has this name.
        """
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu().numpy()
        array = np.ascontiguousarray(values, dtype or np.float32)
        if dtype is None and self.half:
            with np.errstate(over="ignore"):
                short = array.astype(np.float16)
            array = short if array.ndim > 1 or np.array_equal(short, array) else array
        content = array.tobytes()
        key = (array.dtype.name, array.shape, hashlib.sha256(content).digest())
        known = self._known.get(key)
        if name in self._index and self._index[name] != self._index.get(known):
            raise ValueError(f"there is another array {name!r} already: give another name")
        if known is not None:
            self._index[name] = self._index[known]  # which is found by both names
            return known
        self._known[key] = name
        self._index[name] = {
            "dtype": array.dtype.name, "shape": list(array.shape), "offset": self._size,
        }  # fmt: skip
        padded = content + bytes(-len(content) % ALIGNED)
        self._blocks.append(padded)
        self._size += len(padded)
        return name

    def index(self) -> dict[str, dict]:
        """For each name the dtype, the shape and the offset in bytes, as JSON has it."""
        return dict(self._index)

    def data(self) -> bytes:
        """All arrays. Numbers are little-endian."""
        return b"".join(self._blocks)
