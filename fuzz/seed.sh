#!/bin/sh
# Fills fuzz/corpus/TARGET with what the fuzzer starts from: right and wrong files, and what was found before.
set -eu
cd "$(dirname "$0")"
for target in expression rules workflow scenario event; do mkdir -p "corpus/$target"; done
copy() { # TARGET NAMES BUT_NOT FOLDER…
    target=$1 names=$2 but_not=$3
    shift 3
    find "$@" -name "$names" ! -name "$but_not" -size -64k | while read -r file; do
        cp "$file" "corpus/$target/$(printf %s "$file" | cksum | cut -d' ' -f1)"
    done
}
copy rules '*.rules' '' ../workflows ../examples ../tests/corpus
copy workflow '*.yaml' '*.test.yaml' ../workflows ../examples ../tests/corpus
copy scenario '*.test.yaml' '' ../workflows ../examples ../tests/properties/seeds
copy expression '*.cel' '' ../tests/properties/seeds ../tests/corpus
copy event '*.http' '' ../tests/properties/seeds ../tests/corpus
