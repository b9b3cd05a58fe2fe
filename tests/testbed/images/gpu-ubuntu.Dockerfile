# As `gpu`, and it says that it is Ubuntu: its drivers are those of Ubuntu's archive.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
COPY gpu/ /usr/lib/testbed/
RUN sh /usr/lib/testbed/build.sh ubuntu
