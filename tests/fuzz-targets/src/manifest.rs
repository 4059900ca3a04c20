//! What a component says of itself: from the contract's types to the model's, and whether it
//! can stand. What stands is stored and reads back.

use model::Manifest;
use operations::manifest::check;
use wasm::testing::{guest, tasks};

use crate::{Dice, dice, texts};

pub fn run(data: &[u8]) {
    let mut dice = dice(data);
    let described = manifest(&mut dice);
    let manifest = match wasm::testing::manifest(described) {
        Ok(manifest) => manifest,
        Err(err) => {
            assert!(err.to_string().len() < 2000, "{err}");
            return;
        }
    };
    if let Err(err) = check(&manifest) {
        assert!(err.to_string().len() < 20_000, "{err}");
        assert!(!err.hint().is_empty());
    }
    let text = serde_json::to_string(&manifest).expect("a manifest has a text");
    let again: Manifest = serde_json::from_str(&text).expect("a manifest reads back");
    assert_eq!(again, manifest, "{text}");
}

fn manifest(dice: &mut Dice) -> guest::Manifest {
    guest::Manifest {
        flows: dice.list(3, flow),
        tasks: dice.list(3, task),
    }
}

/// Mostly a name, otherwise anything, up to what is too long.
fn name(dice: &mut Dice) -> String {
    let name = texts::name(dice);
    if dice.once_in(30) {
        return name.repeat(dice.below(70_000));
    }
    name
}

fn schema(dice: &mut Dice) -> guest::ParameterSchema {
    let text = |dice: &mut Dice| {
        if dice.once_in(20) {
            texts::text(dice)
        } else {
            texts::schema(dice).to_string()
        }
    };
    guest::ParameterSchema {
        parameters: text(dice),
        result: text(dice),
    }
}

fn delays(dice: &mut Dice) -> Vec<u64> {
    let max = if dice.once_in(20) { 2000 } else { 3 };
    dice.list(max, Dice::number)
}

fn flow(dice: &mut Dice) -> guest::FlowDescription {
    guest::FlowDescription {
        name: name(dice),
        description: dice.maybe(texts::text),
        version: dice.maybe(name),
        schema: schema(dice),
        options: guest::FlowOptions {
            retries: dice.number() as u32,
            retry_delays: delays(dice),
            retry_jitter: dice.maybe(Dice::fraction),
            timeout: dice.maybe(Dice::number),
        },
    }
}

fn task(dice: &mut Dice) -> guest::TaskDescription {
    guest::TaskDescription {
        name: name(dice),
        description: dice.maybe(texts::text),
        version: dice.maybe(name),
        schema: schema(dice),
        options: tasks::TaskOptions {
            retries: dice.maybe(|dice| dice.number() as u32),
            retry_delays: delays(dice),
            retry_jitter: dice.maybe(Dice::fraction),
            timeout: dice.maybe(Dice::number),
            task_run_name: dice.maybe(name),
            tags: dice.list(3, name),
        },
    }
}
