# Install the programs $@ of the archive.

install_programs "$@"
