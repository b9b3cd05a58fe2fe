"""Graph -> LLB bytes, pure: `graph_digest` names a graph, `ez.build.llb.marshal` writes it for BuildKit."""

from __future__ import annotations

from ez.build.llb.digest import graph_digest

__all__ = ["graph_digest"]
