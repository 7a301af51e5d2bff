"""Who may use which app of a server: users, identities, passwords, log-ins and tokens."""
