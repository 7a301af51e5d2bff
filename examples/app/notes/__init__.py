"""The functions of the application that realmsync.toml configures."""
