#!/bin/sh
# Fills fuzz/corpus/TARGET with what the fuzzer starts from: right and wrong files, and what was found before.
set -eu
cd "$(dirname "$0")"
for target in expression rules workflow event; do mkdir -p "corpus/$target"; done
copy() { # TARGET ENDING FOLDER…
    target=$1 ending=$2
    shift 2
    find "$@" -name "*.$ending" -size -64k | while read -r file; do
        cp "$file" "corpus/$target/$(printf %s "$file" | cksum | cut -d' ' -f1)"
    done
}
copy rules rules ../workflows ../examples ../tests/corpus
copy workflow yaml ../workflows ../examples ../tests/corpus
copy expression cel ../tests/properties/seeds ../tests/corpus
copy event http ../tests/properties/seeds ../tests/corpus
