//! The façade of the compiler: sources and a catalogue of actions in, a program and diagnostics out.
