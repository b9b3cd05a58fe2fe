"""What the image is for."""

import os

print(os.environ["GREETING"])
