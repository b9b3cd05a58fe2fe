#!/bin/sh
# What the simulated kernel and its driver said.
exec cat /run/testbed/dmesg
