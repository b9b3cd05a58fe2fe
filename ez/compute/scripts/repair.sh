# Finish what an interrupted installation left behind.
command -v dpkg >/dev/null || exit 0
finish_installation || apt_get -f install
