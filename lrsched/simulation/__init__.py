"""Offline questions to recorded histories. Pure."""

from lrsched.lazy import lazy

# The public names stand in __init__.pyi, for type checkers and for this.
__getattr__, __dir__, __all__ = lazy(globals())  # a replay costs no import of NumPy
