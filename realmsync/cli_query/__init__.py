"""The command `realmsync query`: objects that a query selects, as text and as files."""
