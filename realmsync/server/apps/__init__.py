"""The applications of a running server."""
