"""Learning-rate control whose core is pure and immutable: the past is an argument, so a restart is a replay."""

from lrsched.lazy import lazy

__version__ = "0.1.0"
# The public names stand in __init__.pyi, for type checkers and for this.
__getattr__, __dir__, __all__ = lazy(globals())
