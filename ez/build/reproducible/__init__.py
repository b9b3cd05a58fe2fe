"""The same image twice: times that do not count, and what differs where two builds do."""
