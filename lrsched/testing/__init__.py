"""Laws that every schedule and every storage must keep, and what tries to break them. Needs the extra ``testing``."""

from lrsched.errors import missing_extra
from lrsched.lazy import lazy

try:
    import hypothesis as _hypothesis  # noqa: F401  the one place that says which extra is missing
    import time_machine as _time_machine  # noqa: F401  the same
except ModuleNotFoundError as error:
    raise missing_extra(str(error.name), "testing") from error

# The public names stand in __init__.pyi.
__getattr__, __dir__, __all__ = lazy(globals())
