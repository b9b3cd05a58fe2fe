"""Work that goes to another computer and comes home: everything that a repo is, both ways, lossless."""
