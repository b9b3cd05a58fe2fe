# A machine as a cloud gives it: systemd, sshd, a user with sudo, and nothing else.
ARG BASE
FROM ${BASE}
LABEL ez.testbed=1
COPY machine-certificates/ /usr/local/share/ca-certificates/machine/
COPY computer-packages /usr/lib/testbed/
# An emulated base has them already.
RUN { command -v sshd >/dev/null || { apt-get update -qq \
      && apt-get install -y -qq --no-install-recommends $(cat /usr/lib/testbed/computer-packages) >/dev/null; }; } \
 && update-ca-certificates >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d \
        /etc/apt/apt.conf.d/docker-clean \
 && systemctl set-default multi-user.target >/dev/null 2>&1 \
 && systemctl mask systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket \
        systemd-udevd-control.socket systemd-networkd.service systemd-networkd.socket \
        systemd-networkd-wait-online.service systemd-resolved.service systemd-logind.service \
        systemd-timesyncd.service systemd-modules-load.service systemd-firstboot.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
        getty.target console-getty.service dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
        sys-kernel-config.mount sys-fs-fuse-connections.mount \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
        >/dev/null 2>&1 \
 && useradd --create-home --uid 1000 --shell /bin/bash dev \
 && echo dev:ez-testbed | chpasswd
# Every connection comes from the bridge's gateway, so a test that is refused must not lock out the others.
RUN if dpkg --compare-versions "$(dpkg-query --show --showformat '${Version}' openssh-server)" ge 1:9.8; then \
        echo 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/testbed.conf; \
    fi; echo 'MaxStartups 100' >>/etc/ssh/sshd_config.d/testbed.conf
STOPSIGNAL SIGRTMIN+3
CMD ["/lib/systemd/systemd"]
