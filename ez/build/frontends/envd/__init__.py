"""`build.envd`: Starlark that records what an environment needs; nothing is built while the file runs."""
