"""Editors on the person's own computer: which there are, where they are found, and what is made ready for them."""
