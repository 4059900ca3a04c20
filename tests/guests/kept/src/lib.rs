//! Flows and tasks that read variables and secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guest_sdk::prelude::*;

#[task]
fn rate_of_task() -> Result<Value> {
    variable("rate")
}

/// Reads the variable `rate`, sleeps, and reads it again; then in a task.
#[flow]
async fn read_rate(sleeps: bool) -> Result<Vec<Value>> {
    let mut read = vec![variable("rate")?];
    if sleeps {
        suspend_for_input::<bool>("go-on").await?;
    }
    read.push(variable("rate")?);
    read.push(rate_of_task()?);
    Ok(read)
}

/// Reads one that need not be there.
#[flow]
fn read_or(name: String) -> Result<Value> {
    variable_or(name, json!("none"))
}

/// Reads one that has to be a number.
#[flow]
fn read_number(name: String) -> Result<f64> {
    variable(name)
}

#[task]
fn length(name: String) -> Result<usize> {
    Ok(secret(name)?.expose().len())
}

/// How long a secret is.
#[flow]
fn secret_length(name: String) -> Result<usize> {
    length::options().retries(1).call(name)
}

/// Asks for a secret in the flow itself.
#[flow]
fn secret_of_flow(name: String) -> Result<usize> {
    length::call(name)
}

#[task]
fn from_env(variable: String) -> Result<usize> {
    Ok(std::env::var(variable)?.len())
}

/// How long a secret is that stands in the environment.
#[flow]
fn env_length(variable: String) -> Result<usize> {
    from_env(variable)
}

/// Everything that a careless author may make of a secret.
fn spread(secret: &str) -> BTreeMap<&'static str, String> {
    let bytes = secret.as_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = bytes.iter().fold(String::new(), |mut all, byte| {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => write!(all, "{}", *byte as char),
            byte => write!(all, "%{byte:02X}"),
        };
        all
    });
    BTreeMap::from([
        ("plain", secret.to_owned()),
        ("within", format!("before{secret}after")),
        ("debug", format!("{secret:?}")),
        ("json", json!({ "token": secret }).to_string()),
        ("hex", hex),
        ("percent", percent),
        ("base64", base64(bytes)),
        ("basic", base64(format!("user:{secret}").as_bytes())),
        ("shifted", base64(format!("xx{secret}yy").as_bytes())),
    ])
}

fn base64(bytes: &[u8]) -> String {
    let json = serde_json::to_value(guest_sdk::Bytes::from(bytes)).unwrap();
    json.as_str().unwrap().to_owned()
}

#[task]
fn tell(name: String, how: String) -> Result<Value> {
    let secret = secret(name)?;
    let spread = spread(secret.expose());
    info!("shown as {secret} and {secret:?}");
    for (form, text) in &spread {
        info!("{form}: {text}");
        println!("{form}: {text}");
        eprint!("{form}: {text}");
    }
    let all = serde_json::to_string(&spread)?;
    match &*how {
        "result" => Ok(json!(spread)),
        "key" => Ok(json!({ (secret.expose()): 1 })),
        "error" => bail!("failed with {all}"),
        "panic" => panic!("panicked with {all}"),
        _ => bail!("no such way"),
    }
}

/// Tells a secret in every way there is, and ends in one of them.
#[flow]
fn tell_it(name: String, how: String) -> Result<Value> {
    tell(name, how)
}
