//! Any text as a rules file.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzz::rules(input));
