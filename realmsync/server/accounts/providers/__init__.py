"""The ways to log in, one module each; provider.py says what they have in common."""
