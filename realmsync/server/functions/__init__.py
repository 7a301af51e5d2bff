"""Functions of applications: how they are called, and what calls them."""
