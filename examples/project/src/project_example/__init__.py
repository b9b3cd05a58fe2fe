"""A project that needs a package."""

import six  # noqa: F401
