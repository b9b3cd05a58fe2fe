"""Measurements of ez, each a program of its own: ./scripts/bench NAME. Figures: docs/concepts/performance.md."""
