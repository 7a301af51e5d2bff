"""Sockets and timers around the native engines: the event loop's driver and the websocket."""
