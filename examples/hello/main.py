"""The smallest thing that needs its environment."""

import os

import numpy

print(f"{os.environ['GREETING']}: numpy {numpy.__version__} says 1 + 1 = {numpy.ones(2).sum():.0f}")
