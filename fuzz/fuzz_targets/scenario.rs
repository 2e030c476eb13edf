//! Any text as a scenario file.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzz::scenario(input));
