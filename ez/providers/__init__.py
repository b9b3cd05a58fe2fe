"""Where computers come from. `registry` knows the providers."""
