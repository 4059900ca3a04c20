use guest_sdk::prelude::*;

#[task]
fn pass<T: Serialize>(value: T) -> Result<T> {
    Ok(value)
}

#[flow]
fn print(value: impl ToString) -> Result<String> {
    Ok(value.to_string())
}

fn main() {}
