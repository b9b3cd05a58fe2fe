"""`ez.lock`: what the names in a definition stand for, found out once and obeyed from then on."""
