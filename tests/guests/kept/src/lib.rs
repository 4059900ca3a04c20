//! Flows and tasks that read variables and secrets, and make artifacts.

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
    artifact::with_description(secret.expose())
        .markdown("told", serde_json::to_string(&spread)?)?;
    artifact::table("told-rows", &[&spread])?;
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

#[derive(Serialize)]
struct Order {
    id: u32,
    customer: &'static str,
    total: f64,
}

#[task]
fn tabulate(day: String) -> Result<()> {
    for percent in [0.0, 50.0, 100.0] {
        artifact::progress("orders-read", percent)?;
    }
    let orders = [
        Order {
            id: 2,
            customer: "Å <b>",
            total: 9.5,
        },
        Order {
            id: 1,
            customer: "B",
            total: 10.0,
        },
    ];
    artifact::with_description(format!("Of {day}")).table("orders", &orders)?;
    artifact::link("shop", "https://shop.example/orders?day=1")
}

#[flow]
fn chart() -> Result<()> {
    artifact::image("chart", "https://shop.example/chart.png")
}

/// Makes artifacts of every kind, in a task, in a subflow and by itself, before and after it waits
/// for a person.
#[flow]
fn show(day: String) -> Result<()> {
    artifact::markdown(
        "report",
        format!(
            "# {day}\n\nNot *all* <script>x</script>\n\n- [shop](https://shop.example)\n- `1.5`\n\n|a|b|\n|-|-|\n|1|2|"
        ),
    )?;
    tabulate(day.clone())?;
    chart()?;
    artifact::progress("report-done", 50.0)?;
    suspend_for_input::<bool>("go-on").wait()?;
    artifact::progress("report-done", 100.0)?;
    artifact::markdown("report", format!("# {day}\n\n**All** of it"))
}

#[task]
fn misuse(how: String) -> Result<()> {
    match &*how {
        "no-table" => artifact::table("t", &[1, 2]),
        "no-list" => artifact::table("t", &json!({"a": 1})),
        "ftp" => artifact::link("l", "ftp://shop.example"),
        "script" => artifact::image("i", "javascript:alert(1)"),
        "over" => artifact::progress("p", 100.5),
        "nan" => artifact::progress("p", f64::NAN),
        "key" => artifact::markdown("a/b", "text"),
        "no-key" => artifact::markdown("", "text"),
        "large" => artifact::markdown("m", "x".repeat((1 << 20) + 1)),
        "many" => (0..=10_000).try_for_each(|at| artifact::progress("p", f64::from(at % 100))),
        "much" => (0..=64).try_for_each(|_| artifact::markdown("m", "x".repeat(1 << 20))),
        _ => bail!("no such way"),
    }
}

/// Makes an artifact that is none.
#[flow]
fn make_wrong(how: String) -> Result<()> {
    misuse::options().retries(2).call(how)
}

/// The same in a flow.
#[flow]
fn wrong_of_flow(how: String) -> Result<()> {
    misuse::call(how)
}
