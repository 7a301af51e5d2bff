"""Apps and their users: log-in, tokens, requests to App Services, what is kept of them on disk."""
