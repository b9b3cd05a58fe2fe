"""A repo running on a computer: source, container, access, editor; `go.py` is the straight line."""
