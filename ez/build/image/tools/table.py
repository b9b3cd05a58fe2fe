"""What ez downloads for images: version, place and checksum of each tool, for amd64 and arm64.

The checksums are those of the projects themselves, as several who build from these files have written them down. Where
one is empty, and for a version that is not the table's, the
project's own file of checksums is asked when the step runs, at the same place as the archive.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A file below a tool's address, `{version}` and `{minor}` filled in; `sha256` is that of the table's version."""

    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Download:
    """A tool as upstream publishes it. A mirror has the same files at the same paths below another address.

    `checksums` is where upstream lists them: below the address, with `{path}` for the archive's own; or anywhere, then
    a mirror has them in a file beside each archive, with `.sha256` after its name.
    """

    name: str
    version: str
    address: str
    amd64: Archive
    arm64: Archive
    checksums: str = "{path}.sha256"

    def arguments(self, version: str = "") -> tuple[str, ...]:
        """What `scripts/download.sh` is told to get `version`, the table's own if empty."""
        words = [self.name, self.address]
        wanted = version or self.version
        paths = [_filled(archive.path, wanted) for archive in (self.amd64, self.arm64)]
        for archive, path in zip((self.amd64, self.arm64), paths, strict=True):
            words += [path, archive.sha256 if wanted == self.version else ""]
        words += [_filled(self.checksums, wanted).replace("{path}", path) for path in paths]
        return tuple(words)


def _filled(text: str, version: str) -> str:
    return text.replace("{version}", version).replace("{minor}", ".".join(version.split(".")[:2]))


_GITHUB = "https://github.com/{}/releases/download"

DOWNLOADS = {
    download.name: download
    for download in (
        Download(
            "uv",
            "0.9.22",
            _GITHUB.format("astral-sh/uv"),
            Archive("{version}/uv-x86_64-unknown-linux-gnu.tar.gz"),
            Archive("{version}/uv-aarch64-unknown-linux-gnu.tar.gz"),
        ),
        Download(
            "micromamba",
            "2.3.3-0",
            _GITHUB.format("mamba-org/micromamba-releases"),
            Archive(
                "{version}/micromamba-linux-64", "9496f94a8b78c536573c93d946ec9bba74bd9ff79ee55aaa4b546e30db8f511b"
            ),
            Archive("{version}/micromamba-linux-aarch64"),
        ),
        Download(
            "pixi",
            "0.62.2",
            _GITHUB.format("prefix-dev/pixi"),
            Archive("v{version}/pixi-x86_64-unknown-linux-musl.tar.gz"),
            Archive("v{version}/pixi-aarch64-unknown-linux-musl.tar.gz"),
        ),
        Download(
            "go",
            "1.25.3",
            "https://dl.google.com/go",
            Archive(
                "go{version}.linux-amd64.tar.gz", "0335f314b6e7bfe08c3d0cfaa7c19db961b7b99fb20be62b0a826c992ad14e0f"
            ),
            Archive(
                "go{version}.linux-arm64.tar.gz", "1d42ebc84999b5e2069f5e31b67d6fc5d67308adad3e178d5a2ee2c9ff2001f5"
            ),
        ),
        Download(
            "nodejs",
            "25.1.0",
            "https://nodejs.org/dist",
            Archive(
                "v{version}/node-v{version}-linux-x64.tar.gz",
                "0b8de924cd43546a2098c091b73002442cd61340622b2c1489df408755de21fc",
            ),
            Archive(
                "v{version}/node-v{version}-linux-arm64.tar.gz",
                "9cc83fc5dfdc36692aabec37ab1c6d070d11c44f02764b5e50777491552e8449",
            ),
            "v{version}/SHASUMS256.txt",
        ),
        Download(
            "rust",
            "1.28.2",
            "https://static.rust-lang.org",
            Archive(
                "rustup/archive/{version}/x86_64-unknown-linux-gnu/rustup-init",
                "20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c",
            ),
            Archive(
                "rustup/archive/{version}/aarch64-unknown-linux-gnu/rustup-init",
                "e3853c5a252fca15252d07cb23a1bdd9377a8c6f3efa01531109281ae47f841c",
            ),
        ),
        Download(
            "julia",
            "1.10.10",
            "https://julialang-s3.julialang.org",
            Archive(
                "bin/linux/x64/{minor}/julia-{version}-linux-x86_64.tar.gz",
                "6a78a03a71c7ab792e8673dc5cedb918e037f081ceb58b50971dfb7c64c5bf81",
            ),
            Archive(
                "bin/linux/aarch64/{minor}/julia-{version}-linux-aarch64.tar.gz",
                "a4b157ed68da10471ea86acc05a0ab61c1a6931ee592a9b236be227d72da50ff",
            ),
            "bin/checksums/julia-{version}.sha256",
        ),
        Download(
            "rstudio",
            "2023.12.1-402",
            "https://download2.rstudio.org/server",
            Archive(
                "jammy/amd64/rstudio-server-{version}-amd64.deb",
                "2ceeebe5d1d77068b36e85f7cf366cd1409f7642a80261b6bbeb3da945ef0888",
            ),
            Archive("jammy/arm64/rstudio-server-{version}-arm64.deb"),
        ),
        Download(
            "codex",
            "rust-v0.98.0",
            _GITHUB.format("openai/codex"),
            Archive("{version}/codex-x86_64-unknown-linux-musl.tar.gz"),
            Archive("{version}/codex-aarch64-unknown-linux-musl.tar.gz"),
            "https://api.github.com/repos/openai/codex/releases/tags/{version}",
        ),
    )
}

RUST = "1.91.0"
"""The toolchain that rustup is asked for; it checks what it downloads itself."""

SERVERS = {
    "conda": "https://conda.anaconda.org",
    "cran": "https://cran.rstudio.com",
    "julia_packages": "https://pkg.julialang.org",
    "uv_python": "https://github.com/astral-sh/python-build-standalone/releases/download",
}
"""Where the tools themselves download from, which a setting of the same name stands in for as well."""

MIRRORED = (*DOWNLOADS, *SERVERS)
"""The names for which there is a setting `mirrors.NAME`."""
