"""The version of this package: what servers and clients tell each other, and the wheel's."""

__version__ = "0.1.0"
