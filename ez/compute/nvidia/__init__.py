"""NVIDIA cards: which there are, what each wants of a driver, and which driver a computer gets."""
