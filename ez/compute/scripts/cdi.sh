# Describe the cards for containers, and keep that fresh where the toolkit can: in /var/run, which a restart empties.
has_cdi() { nvidia-ctk cdi list 2>/dev/null | grep -q 'nvidia.com/gpu='; }

if systemctl cat nvidia-cdi-refresh.service >/dev/null 2>&1; then
    rm -f /etc/cdi/nvidia.yaml
    systemctl enable nvidia-cdi-refresh.path nvidia-cdi-refresh.service >/dev/null 2>&1
    systemctl start nvidia-cdi-refresh.path
    systemctl restart nvidia-cdi-refresh.service && has_cdi && exit 0
    note "the toolkit's own service did not describe the cards: writing /etc/cdi/nvidia.yaml"
fi
# Engines before 26.1 refuse what it writes by itself from 1.19 on.
options=
engine=$(timeout 15 docker version --format '{{.Server.Version}}' 2>/dev/null)
oldest=$(printf '%s\n26.1\n' "$engine" | sort -V | head -n 1)
if [ "$oldest" != 26.1 ] && nvidia-ctk cdi generate --help 2>/dev/null | grep -q -e --feature-flag; then
    options=--feature-flag=no-additional-gids-for-device-nodes
fi
nvidia-ctk cdi generate --output="$EZ_RUN/nvidia.yaml" $options && [ -s "$EZ_RUN/nvidia.yaml" ] ||
    fail 'the cards cannot be described for containers' 'sudo nvidia-ctk cdi generate'
mkdir -p /etc/cdi && install -m 644 "$EZ_RUN/nvidia.yaml" /etc/cdi/nvidia.yaml
has_cdi || fail 'no card is described for containers' 'nvidia-ctk cdi list'
