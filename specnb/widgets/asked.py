"""What the explorer in the browser asks the kernel for: to fit a star, or to read a file."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import anywidget
import traitlets


class Asked(anywidget.AnyWidget):
    """A widget that does what its browser asks for. Subclasses define `open_file`, perhaps `fit`.

    Attributes
    ----------
    busy, told : str
        What the kernel does, and what it said last.
    """

    busy = traitlets.Unicode().tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    # {"type": "fit"} or {"type": "open", "name": …, "data": bytes}. Because it is a trait, it comes
    # after the settings that were changed before it.
    _asked = traitlets.Dict().tag(sync=True, echo_update=False)
    _done = traitlets.Int().tag(sync=True)  # how often something was done with success

    def fit(self):
        """What the button *Fit* does, for explorers that can fit."""
        raise ValueError("this explorer has nothing to fit")

    @contextmanager
    def _working(self, text):
        """Say what is being done, and send all that comes of it as one message."""
        self.busy, self.told = text, ""
        with self.hold_sync():
            try:
                yield
                self._done += 1
            finally:
                self.busy, self._asked = "", {}

    @traitlets.observe("_asked")
    def _hear(self, change):
        """A button of the browser that needs the kernel was pressed."""
        if not (asked := change["new"]):
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                if asked["type"] == "open":
                    path = Path(folder, Path(asked["name"]).name)
                    path.write_bytes(asked["data"])
                    self.open_file(path)
                else:
                    self.fit()
        except Exception as error:  # noqa: BLE001 - whatever it is, the user sees only the browser
            told = str(error) if isinstance(error, OSError | ValueError) else repr(error)
            self.told = told.replace(f"{folder}{os.sep}", "")
        finally:
            self._asked = {}
