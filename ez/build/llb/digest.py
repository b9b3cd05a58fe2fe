"""The identity of a graph and its image configuration."""

from __future__ import annotations

from ez.build.graph import ImageConfig, State, content_of


def graph_digest(state: State, config: ImageConfig) -> str:
    """`sha256:` and 64 hex digits over everything `state` and `config` say, and nothing else.

    Pure and without network. Labels, positions, the base image's own configuration, network settings and what
    differs from build to build take no part; nor do the contents of local sources, which a frontend hashes itself.
    """
    return "sha256:" + content_of(("ez graph 1", state, config))
