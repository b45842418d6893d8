# shellcheck shell=bash
# Checks the Rust toolchain, or prints a hint. Needs messages.sh and packages.sh. Sourced from the repository's root,
# never run.

# minimum_rust MANIFEST: prints the oldest version of Rust that compiles the package.
minimum_rust() { sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$1"; }

# ensure_rust: makes sure that cargo is on PATH, can link, and is as new as session-admin and the tests need.
ensure_rust() {
    local wanted found
    # rustup puts cargo there. A shell that was open before does not have it on PATH yet.
    if ! command -v cargo >/dev/null && [[ -x "$HOME/.cargo/bin/cargo" ]]; then PATH="$HOME/.cargo/bin:$PATH"; fi
    wanted="$(sed -n 's/^development-rust-version *= *"\(.*\)"/\1/p' Cargo.toml)"
    if ! command -v cargo >/dev/null; then
        die "no Rust toolchain (cargo) found; version $wanted or newer is needed: https://rustup.rs"
    fi
    found="$(cargo --version | cut -d ' ' -f 2)"
    if [[ "$(printf '%s\n' "$wanted" "$found" | sort --version-sort | head -n 1)" != "$wanted" ]]; then
        die "the Rust toolchain is $found, and $wanted or newer is needed: rustup update, or https://rustup.rs"
    fi
    # rustc links with the C compiler, and some dependencies contain C.
    if ! command -v cc >/dev/null; then ensure_packages gcc libc6-dev; fi
    # cargo uses HTTPS, and a minimal Debian has no certificate authorities.
    if command -v apt-get >/dev/null && [[ ! -e /etc/ssl/certs/ca-certificates.crt ]]; then ensure_packages ca-certificates; fi
}

# ensure_rust_components COMPONENT…: installs clippy or rustfmt, which rustup's "minimal" profile leaves out.
ensure_rust_components() {
    local component
    for component in "$@"; do
        case "$component" in
            clippy) cargo clippy --version >/dev/null 2>&1 && continue ;;
            rustfmt) cargo fmt --version >/dev/null 2>&1 && continue ;;
        esac
        if ! command -v rustup >/dev/null; then die "cargo has no $component here; install it as cargo was installed"; fi
        heading "Installing $component (rustup)"
        rustup component add "$component" || die "rustup could not add $component; its messages are above"
    done
}
