# As `ready`, with the newest Docker Engine that Debian has: testing's, on a stable Debian (testing's own systemd no
# longer runs on every kernel that the testbed has to run on).
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
RUN sed -e 's/trixie[a-z-]*/forky/' /etc/apt/sources.list | sort -u >/etc/apt/sources.list.d/forky.list \
 && printf 'Package: *\nPin: release n=forky\nPin-Priority: 50\n' >/etc/apt/preferences.d/forky \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git >/dev/null \
 && apt-get install -y -qq --no-install-recommends --target-release forky docker.io docker-cli iptables >/dev/null \
 && rm -rf /var/lib/apt/lists/* \
 && usermod --append --groups docker dev
