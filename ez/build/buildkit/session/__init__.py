"""What the engine may ask of this computer while it builds: one module per service, served by `server.py`."""
