"""What goes into images: steps that frontends share, and the programs of every environment's container."""
