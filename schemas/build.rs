//! Compiles `proto/`: the message types for producers, and the descriptors that the catalogue is read from.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Every topic's file; `tidewater/v1/options.proto` comes with them.
const TOPICS: [&str; 10] =
    ["account", "asset", "conversation", "media", "notification", "post", "search", "stream", "user", "video"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files: Vec<String> = TOPICS.iter().map(|topic| format!("social/v1/{topic}.proto")).collect();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;

    // Encoded by the compiler itself: the plain types of a descriptor set have no room for our options.
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    prost_build::Config::new().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
