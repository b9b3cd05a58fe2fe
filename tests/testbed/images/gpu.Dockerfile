# A computer with NVIDIA cards, as far as it can be had without any: see gpu/build.sh.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
COPY gpu/ /usr/lib/testbed/
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends busybox python3 gpg gpg-agent tcc binutils >/dev/null \
 && sh /usr/lib/testbed/build.sh \
 && apt-get purge -y -qq --auto-remove gpg gpg-agent tcc binutils >/dev/null \
 && rm -rf /var/lib/apt/lists/*
