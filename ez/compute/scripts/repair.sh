# Finish what an interrupted installation left behind.
wait_for_packages 600
dpkg --configure -a --force-confdef --force-confold </dev/null || apt_get -f install
