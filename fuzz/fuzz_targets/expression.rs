//! Any text as an expression, over any data.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzz::expression(input));
