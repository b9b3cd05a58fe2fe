# $@: packages of the distribution.

apt_install "$@"
