//! Every target: which one it is, its name tells.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dbt_aws_image::fuzz::run(env!("CARGO_BIN_NAME"), input));
