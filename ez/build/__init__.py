"""A repo's description -> image: frontends -> graph -> LLB -> BuildKit."""
