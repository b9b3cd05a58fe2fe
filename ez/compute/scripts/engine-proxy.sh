# The engine downloads images itself, so its service needs the proxy. It may hold a password: only root reads it.
folder=/etc/systemd/system/docker.service.d
mkdir -p "$folder"
install -m 600 "$settings/proxy.conf" "$folder/ez-proxy.conf" && systemctl daemon-reload
