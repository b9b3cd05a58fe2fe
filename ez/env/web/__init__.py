"""Editors that are served inside an environment and opened in the browser: a web editor and Jupyter Lab."""
