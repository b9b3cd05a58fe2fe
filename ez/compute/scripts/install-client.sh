# The engine is there without its client, as Debian 13 installs it when recommended packages are left out.
command -v docker >/dev/null && exit 0
update_lists
for package in docker-cli docker-ce-cli; do
    is_available "$package" && install_packages "$package" && exit 0
done
fail 'no package with the docker client' 'apt-cache search docker'
