"""One connection to an environment that is kept for it at home, and what lives on it."""
