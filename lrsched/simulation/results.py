"""What the results of all offline questions have in common: a table, and JSON."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lrsched.core.plain import dumps
from lrsched.errors import missing_extra

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Result(ABC):
    """The answer to an offline question (abstract): a frozen value, with arrays, a table and JSON."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The table: column -> values, all of one length."""

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """All of it as mappings, sequences and plain values; what `to_json` writes."""

    def to_pandas(self) -> "pd.DataFrame":
        """The table as a ``pandas.DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415  an extra
        except ModuleNotFoundError as error:
            raise missing_extra("pandas", "pandas") from error
        return pd.DataFrame(self.to_dict())

    def to_json(self) -> str:
        """All of it as strict JSON; NaN and infinities are text."""
        return dumps(self.data())


def rate_array(learning_rates: Iterable[float | None]) -> "np.ndarray":
    """Rates as float64, NaN where there is none."""
    import numpy as np  # noqa: PLC0415  it takes long to import, and a table does without

    return np.array([float("nan") if rate is None else rate for rate in learning_rates], dtype=np.float64)


def epoch_array(epochs: Iterable[int]) -> "np.ndarray":
    """Epochs as int64."""
    import numpy as np  # noqa: PLC0415  it takes long to import, and a table does without

    return np.array(list(epochs), dtype=np.int64)


def what_if(differs_from: int | None) -> str:
    """What a question that goes on from other rates than the recorded ones has to say of its answer.

    Args:
        differs_from: The first epoch whose rate is not the recorded one; None if there is none.

    Examples:
        >>> what_if(None)
        'every rate is the recorded one, so the recorded errors are what it would have seen'
    """
    if differs_from is None:
        return "every rate is the recorded one, so the recorded errors are what it would have seen"
    return (
        f"from epoch {differs_from} on the rates are not the recorded ones: the recorded errors are kept, "
        "although other rates would have changed them"
    )
