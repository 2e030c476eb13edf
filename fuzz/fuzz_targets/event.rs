//! Any bytes as an HTTP message that carries events.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzz::event(input));
