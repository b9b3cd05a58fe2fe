# A computer that is ready for work: its own Docker Engine, Git, and a user who may use the engine.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends docker.io docker-cli iptables git >/dev/null \
 && rm -rf /var/lib/apt/lists/* \
 && usermod --append --groups docker dev
