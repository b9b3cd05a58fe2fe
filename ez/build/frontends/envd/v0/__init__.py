"""The language before envd 1.0: its calls become calls of v1."""
