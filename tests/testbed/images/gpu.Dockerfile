# A computer with NVIDIA cards, as far as it can be had without any: see gpu/build.sh.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
COPY gpu/ /usr/lib/testbed/
RUN sh /usr/lib/testbed/build.sh
