"""Secrets of a person: kept by their system, handed over to environments that may have them."""
