//! A schema and a value: whether the one is a schema, and whether the other fits it. Both
//! come from strangers.

use model::Json;
use orchestrator::{InputSchema, Parameters, read_argument};

use crate::{Dice, dice, texts};

pub fn run(data: &[u8]) {
    let mut dice = dice(data);
    let (schema, value) = if dice.once_in(3) {
        as_written(&mut dice)
    } else {
        (texts::schema(&mut dice), texts::json(&mut dice))
    };
    let parameters = Parameters::new(&schema);
    let input = InputSchema::new(&schema);
    // Both are compiled by the same rules.
    assert_eq!(
        parameters.as_ref().err(),
        input.as_ref().err(),
        "{schema}: a schema for one and not for the other"
    );
    let (Ok(parameters), Ok(input)) = (parameters, input) else {
        return;
    };
    let fits = parameters.check(&value);
    if let Err(misfit) = &fits {
        assert!(!misfit.to_string().is_empty(), "{schema} {value}");
        for problem in &misfit.0 {
            assert!(!problem.complaint().is_empty(), "{schema} {value}");
            let pointer = problem.pointer();
            assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
        }
    }
    let given = input.check(&value);
    if value.value().is_object() {
        assert_eq!(fits.is_ok(), given.is_ok(), "{schema} {value}");
    }
    if let Err(misfit) = &given {
        assert!(!misfit.to_string().is_empty(), "{schema} {value}");
    }
    if let Some(example) = input.example() {
        assert_eq!(input.check(&example), Ok(()), "{schema}: {example}");
    }
    let typed = texts::text(&mut dice);
    if let Ok(read) = read_argument(&schema.value(), Some(&schema.value()), &typed) {
        // What was read is JSON.
        Json::parse(read.as_str()).unwrap();
    }
    parameters.names();
}

/// Both as the bytes are, one after the other.
fn as_written(dice: &mut Dice) -> (Json, Json) {
    let text = String::from_utf8_lossy(dice.rest()).into_owned();
    let (schema, value) = text.split_once('\n').unwrap_or((&text, "{}"));
    let json = |text: &str| Json::parse(text).unwrap_or_else(|_| Json::empty_object());
    (json(schema), json(value))
}
