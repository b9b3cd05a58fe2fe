"""ez: any Git repo, on any computer, open in your editor after one command."""

__version__ = "0.1.0"
