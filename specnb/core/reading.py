"""The sentence that all readers say of a file that is missing, damaged or of another kind."""

from contextlib import contextmanager


@contextmanager
def whole_file(path, kind: str, advice: str, error_class=OSError):
    """Turn any error of a missing, truncated or unsuitable file into one sentence.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be.
    advice : str
        What the user can do about it.
    error_class : class
        The error to raise; the message is that sentence.
    """
    try:
        yield
    except Exception as error:  # libraries raise different errors for damaged files
        reason = (str(error).splitlines() or [repr(error)])[0]  # torch lists tensors on more lines
        raise error_class(f"{path} is not a whole {kind} ({reason}): {advice}") from error
