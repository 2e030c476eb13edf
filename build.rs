//! Turns `proto/` into the Rust types that `src/wire` includes. Needs no `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["homeostat/agent/v1/agent.proto"], ["proto"])?;
    // Without this the client would have its own `connect` beside the method of that name.
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
