"""Configurations in Python: their settings, worked out without running them."""

from lrsched.config.python.heap import Unknown
from lrsched.config.python.interpreter import PythonSettings, parse

__all__ = ["PythonSettings", "Unknown", "parse"]
