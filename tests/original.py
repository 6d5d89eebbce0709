"""The original program, RETURNN's own learning-rate control. `import original`, which pytest puts on the path."""

import contextlib
import gc
import io
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from returnn import learning_rate_control as control
    from returnn.config import Config

assert control.__name__ == "returnn.learning_rate_control", "ours was installed in its place"

__all__ = ["Config", "control", "quiet"]


class _Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)


@contextlib.contextmanager
def quiet():
    """Around its calls, or before a test: it prints, NumPy warns on its behalf, and it leaves files open."""
    with contextlib.redirect_stdout(_Nowhere()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="numpy")
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect(0)
