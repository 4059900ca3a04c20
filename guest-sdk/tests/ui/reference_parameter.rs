use guest_sdk::prelude::*;

#[task]
fn length(text: &str, others: &[String], map: Option<&Vec<u8>>) -> Result<usize> {
    Ok(text.len() + others.len() + map.map_or(0, Vec::len))
}

#[flow]
fn constant() -> &'static str {
    "constant"
}

fn main() {}
