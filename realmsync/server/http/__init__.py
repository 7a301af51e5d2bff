"""The HTTP side of the server: the endpoints that SDKs call before and beside sync."""
