"""Drop-in for `returnn.learning_rate_control`: RETURNN's names and answers, lrsched's decisions and files.

Change the import in your own code, or call `install` before RETURNN imports its module. Where the original crashes or
corrupts, this does not: the documentation lists each difference.
"""

import sys
from importlib import import_module
from typing import get_args

from lrsched.core.measure import NonFinitePolicy
from lrsched.core.numbers import choice
from lrsched.errors import LrschedError
from lrsched.returnn.control import (
    ConstantLearningRate,
    LearningRateControl,
    NewbobAbs,
    NewbobMultiEpoch,
    NewbobRelative,
    learning_rate_control_type,
    load_learning_rate_control_from_config,
)
from lrsched.returnn.demo import demo

__all__ = [
    "ConstantLearningRate",
    "LearningRateControl",
    "NewbobAbs",
    "NewbobMultiEpoch",
    "NewbobRelative",
    "demo",
    "install",
    "learning_rate_control_type",
    "load_learning_rate_control_from_config",
]

_REPLACED = "returnn.learning_rate_control"


def install(*, non_finite_error: NonFinitePolicy = "original") -> None:
    """Put this module in place as ``returnn.learning_rate_control``, for all of RETURNN.

    Call it before RETURNN's engine is imported; the first lines of a Python configuration are early enough. Calling it
    again does no harm.

    Args:
        non_finite_error: What NaN and infinite errors mean to every control: ``"original"``, as in RETURNN, or one of
            the safe policies, see `NonFinitePolicy`.

    Raises:
        LrschedError: RETURNN has its own module in use already.
        ModuleNotFoundError: RETURNN is not installed.

    Examples:
        In a configuration for RETURNN, before anything else::

            import lrsched.returnn

            lrsched.returnn.install()
    """
    policy = choice("non_finite_error", non_finite_error, get_args(NonFinitePolicy))
    ours = sys.modules[__name__]
    if sys.modules.get(_REPLACED, ours) is not ours:
        raise LrschedError(f"{_REPLACED} is in use already; call lrsched.returnn.install() before RETURNN imports it")
    returnn = import_module("returnn")
    LearningRateControl.non_finite_error = policy
    sys.modules[_REPLACED] = ours
    returnn.learning_rate_control = ours  # type: ignore[attr-defined]  # where `import` binds it
