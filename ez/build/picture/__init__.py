"""A build graph as a picture and as text."""
