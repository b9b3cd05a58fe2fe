"""BuildKit over its own gRPC API: `client.py` drives one solve, `session/` answers what the engine asks meanwhile."""
