"""The sync server: `Server` of process.py, with a `ServerConfig` of config.py."""
