#!/bin/sh
# A PACS on Debian and Ubuntu, and the programs that judge what is stored in it. Needs root.
set -eu
export DEBIAN_FRONTEND=noninteractive
if ! { command -v Orthanc && command -v dciodvfy; } >/dev/null 2>&1; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends orthanc orthanc-dicomweb dicom3tools
fi
for name in Orthanc dciodvfy; do
    command -v "$name" || { echo "$name is missing" >&2; exit 1; }
done
