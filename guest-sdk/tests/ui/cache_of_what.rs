use guest_sdk::prelude::*;

#[task(cache = results)]
fn by_what() -> Result<u32> {
    Ok(1)
}

#[task(cache_expiration = "1h")]
fn nothing_is_cached() -> Result<u32> {
    Ok(1)
}

#[task(cache = inputs, cache_key = |args| args.n.to_string())]
fn both(n: u32) -> Result<u32> {
    Ok(n)
}

#[task(cache_key = "n")]
fn no_function(n: u32) -> Result<u32> {
    Ok(n)
}

#[task(cache_key = |args| args.n)]
fn no_text(n: u32) -> Result<u32> {
    Ok(n)
}

fn main() {}
