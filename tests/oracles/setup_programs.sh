#!/bin/sh
# dciodvfy, the validator of DICOM files, and plastimatch, a reader of structure sets: oracles that no
# Python package brings. Debian and Ubuntu; as root, or with sudo that asks for no password.
set -eu
if command -v dciodvfy >/dev/null && command -v plastimatch >/dev/null; then
    exit 0
fi
# what needs them also needs the test data, and is left out where there are none
[ -n "${SAM_TEST_DATA:-}" ] || [ -f ../shared/data/MANIFEST.md ] || exit 0
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
{
    $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
            --no-install-recommends dicom3tools plastimatch
} >&2 || {
    echo "dciodvfy or plastimatch is missing: install dicom3tools and plastimatch" >&2
    exit 1
}
