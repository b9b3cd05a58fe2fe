# Rust $1 by rustup, which checks what it downloads, with clippy and rustfmt.

export CARGO_HOME=/opt/rust RUSTUP_HOME=/opt/rust/rustup RUSTUP_INIT_SKIP_PATH_CHECK=yes HOME="$work"
if [ -n "$mirror" ]; then
    export RUSTUP_DIST_SERVER="$base" RUSTUP_UPDATE_ROOT="$base/rustup"
fi
cp -- "$archive" "$work/rustup-init"
chmod 0755 "$work/rustup-init"
"$work/rustup-init" -y -q --no-modify-path --profile minimal --component clippy --component rustfmt \
    --default-toolchain "$1"
rm -rf "$CARGO_HOME/registry" "$RUSTUP_HOME/downloads" "$RUSTUP_HOME/tmp"
share "$CARGO_HOME"
