command -v git >/dev/null || install_packages git ca-certificates openssh-client
