#!/bin/sh
# Prints the path of the kernel of a suite of Debian's (`kernel.sh trixie-backports`), fetching it on first use.
#
# The cloud flavour: what uprobes, BPF and its type data need is built in, and it is a third of the size. The file lands
# whole or not at all, with its release in `release` beside it; whoever wants a newer one removes the folder.
set -eu
. "$(dirname "$(readlink -f "$0")")/../../fixtures/debian-archive.sh"

usage() {
    echo "usage: kernel.sh SUITE   (bookworm, bookworm-backports, trixie-backports)" >&2
    exit 2
}

[ $# -eq 1 ] || usage
suite=$1
case $suite in
    bookworm | bookworm-backports | trixie-backports) ;;
    *) usage ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gospect/kernels
kernel=$cache/$suite/vmlinuz

lock_cache "$cache" "$suite"
if [ ! -e "$kernel" ]; then
    make_workplace "$cache" "$suite"
    echo "kernel.sh: fetching the kernel of Debian's $suite" >&2
    open_archive "$suite" "$work" || fail "no kernel of $suite"
    image=$(dependencies_of "linux-image-cloud-$(dpkg --print-architecture)" | grep -m 1 '^linux-image-') ||
        fail "$suite has no kernel of the cloud flavour"
    # Newer releases have the file itself in a package of its own.
    unpack_packages "$image" $(dependencies_of "$image" | grep '^linux-binary-') || fail "no kernel of $suite"
    mkdir "$work/kernel"
    find "$work/unpacked" -name 'vmlinuz*' -type f -exec mv {} "$work/kernel/vmlinuz" \;
    [ -e "$work/kernel/vmlinuz" ] || fail "$image is not laid out as expected"
    echo "${image#linux-image-}" >"$work/kernel/release"
    mv "$work/kernel" "$cache/$suite"
fi
echo "$kernel"
