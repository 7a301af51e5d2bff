"""The file of users: a module for each group of tables, on one connection."""
