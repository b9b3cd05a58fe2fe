"""Reach a computer: run, put, get, forward; host keys; the OpenSSH configuration that ez publishes."""
