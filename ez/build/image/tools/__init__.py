"""Toolchains and programs that are no packages of a distribution: where they come from, and the steps that install
them. Each touches only its own places, so that it can go on beside everything else."""
