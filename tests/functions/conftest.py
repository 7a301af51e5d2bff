"""Makes functions of applications; what they are made of is in callers.py."""

from callers import functions

__all__ = ["functions"]
