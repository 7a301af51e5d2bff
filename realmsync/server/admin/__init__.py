"""The admin API: apps that are made, configured and looked after over HTTP."""
