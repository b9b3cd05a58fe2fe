# $1: the user who may use the engine. This equals root on that machine, and is said so once.
getent group docker >/dev/null || groupadd --system docker || exit 1
# gpasswd also takes users that a directory service knows and /etc/passwd does not.
usermod -aG docker "$1" 2>/dev/null || gpasswd -a "$1" docker || exit 1
# What runs already, such as a connection that others share, keeps its old groups: it is let in by name until the
# engine's next start.
if command -v setfacl >/dev/null && [ -S /run/docker.sock ]; then setfacl -m "u:$1:rw" /run/docker.sock 2>/dev/null; fi
note "$1 is in group docker now, which is as good as root on this machine"
