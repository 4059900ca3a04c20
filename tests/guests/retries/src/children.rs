//! Flows whose child fails for as long as the variable `fails` says so.

use guest_sdk::prelude::*;

const CHILD: &str = "as-the-variable-says/as-the-variable-says-deployment";

/// Fails while the variable `fails` is true.
#[flow]
fn as_the_variable_says(n: u32) -> Result<u32> {
    let fails = variable::<bool>("fails")?;
    ensure!(!fails, "it was to fail");
    Ok(n)
}

/// Starts the child and takes its result.
#[flow]
fn has_a_child(n: u32) -> Result<u32> {
    let run = run_deployment(CHILD).parameter("n", n).wait()?;
    run.result()
}

/// The same, and the child has a key.
#[flow]
fn has_a_child_with_a_key(n: u32, key: String) -> Result<u32> {
    let start = run_deployment(CHILD).parameter("n", n);
    let run = start.idempotency_key(key).wait()?;
    run.result()
}

/// The same in a subflow.
#[flow]
fn has_it_in_a_part(n: u32, key: String) -> Result<u32> {
    has_a_child_with_a_key(n, key)
}

/// Starts the child twice under one key: there is one child.
#[flow]
fn asks_twice(key: String) -> Result<Vec<String>> {
    let start = || {
        run_deployment(CHILD)
            .parameter("n", 1)
            .idempotency_key(&key)
    };
    let runs = [start().wait()?, start().wait()?];
    Ok(runs.map(|run| run.id.to_string()).into())
}

/// Takes a while, and gives back its number.
#[flow]
fn takes_a_while(n: u32) -> Result<u32> {
    sleep(Duration::from_secs(3600)).wait()?;
    Ok(n)
}

/// Starts a child that takes a while, and fails.
#[flow]
fn fails_before_its_child() -> Result<()> {
    run_deployment("takes-a-while/takes-a-while-deployment")
        .parameter("n", 1)
        .timeout(Duration::ZERO)
        .wait()?;
    bail!("it was to fail")
}

/// May take three seconds, and sleeps for two of them.
#[flow(timeout = "3s")]
fn sleeps_in_its_time() -> Result<()> {
    sleep(Duration::from_secs(2)).wait()
}

/// Waits for a run.
#[flow]
fn waits_for(run: String) -> Result<()> {
    wait_for_flow_runs([run]).wait()?;
    Ok(())
}

/// Waits for a child, which waits for it.
#[flow]
fn waits_in_a_circle() -> Result<()> {
    let own = context().flow_run_id;
    run_deployment("waits-for/waits-for-deployment")
        .parameter("run", own)
        .wait()?;
    Ok(())
}

/// Waits for itself.
#[flow]
fn waits_for_itself() -> Result<()> {
    wait_for_flow_runs([context().flow_run_id]).wait()?;
    Ok(())
}

/// Prints a word without a line break, and panics if it is told to.
#[flow]
fn prints_a_word(panics: bool) -> Result<()> {
    print!("a word");
    assert!(!panics, "it was to panic");
    Ok(())
}

/// What it is given.
#[flow]
fn gives_back(text: Option<String>) -> Option<String> {
    text
}

/// Whole numbers of several kinds, and a day.
#[flow]
fn takes_numbers(small: u8, wide: i64, huge: u128, day: Option<Day>) -> String {
    let day = day.map(|Day(day)| day).unwrap_or_default();
    format!("{small} {wide} {huge} {day}")
}

/// A date, as it is written.
#[derive(Serialize, Deserialize)]
struct Day(String);

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date"})
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Speed {
    /// At once.
    Fast,
    /// Some time.
    Slow,
}

/// A choice.
#[flow]
fn goes(speed: Option<Speed>) -> Option<Speed> {
    speed
}
