# Registry and Git server: one image, the role is the command it is started with.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends docker-registry openssh-server git >/dev/null \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
 && useradd --system --create-home --home-dir /srv/git --shell /usr/bin/git-shell git \
 && usermod --password '*' git \
 && mkdir -p /run/sshd
COPY git-sshd_config /etc/ssh/sshd_config
COPY registry.yml /etc/docker/registry/config.yml
