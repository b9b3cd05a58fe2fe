"""Where engines are: an address, and the rules by which one is found."""
