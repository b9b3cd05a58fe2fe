# A computer as a cloud's images have it: with curl and Python beside what `bare` or `ready` have.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends curl python3 >/dev/null \
 && rm -rf /var/lib/apt/lists/*
