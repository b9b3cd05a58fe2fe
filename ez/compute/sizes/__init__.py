"""Which size of machine a computer gets, and what it costs."""
