//! Any text as a workflow file.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzz::workflow(input));
