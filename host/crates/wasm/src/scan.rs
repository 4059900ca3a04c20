//! Counts what a component consists of: in its bytes before it is compiled, and in what was
//! compiled.
//!
//! Compiling has limits of its own. What is counted here is named in the error, and makes
//! every instance as large as the pools of the engine expect.

use wasmparser::{Instance, Parser, Payload};
use wasmtime::component::Component;

use super::halt::bytes as in_bytes;
use super::limits::TABLES_PER_SHARE;
use super::{ComponentError, ComponentLimits};

/// Counts on the bytes. Those that are no component are for the compiler to tell of.
pub(super) fn bytes(wasm: &[u8], limits: &ComponentLimits) -> Result<(), ComponentError> {
    if wasm.len() > limits.file_max {
        return Err(too_large(
            format!("a size of {}", in_bytes(wasm.len())),
            "the size of a component",
            in_bytes(limits.file_max),
        ));
    }
    let mut counted = Counted::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else {
            return Ok(());
        };
        counted.add(&payload);
        counted.check(limits)?;
    }
    Ok(())
}

/// What was seen so far.
#[derive(Default)]
struct Counted {
    core_modules: u32,
    components: u32,
    core_instances: u32,
    /// The largest body of a function, in bytes.
    function: usize,
}

impl Counted {
    fn add(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::ModuleSection { .. } => self.core_modules += 1,
            Payload::ComponentSection { .. } => self.components += 1,
            Payload::InstanceSection(instances) => {
                let made = instances
                    .clone()
                    .into_iter()
                    .filter(|instance| matches!(instance, Ok(Instance::Instantiate { .. })));
                let made = u32::try_from(made.count()).unwrap_or(u32::MAX);
                self.core_instances = self.core_instances.saturating_add(made);
            }
            Payload::CodeSectionEntry(body) => self.function = body.range().len(),
            _ => {}
        }
    }

    fn check(&self, limits: &ComponentLimits) -> Result<(), ComponentError> {
        for (count, what, max) in [
            (self.core_modules, "core modules", limits.core_modules_max),
            (self.components, "nested components", limits.components_max),
            (
                self.core_instances,
                "core instances",
                limits.core_instances_max,
            ),
        ] {
            at_most(count, what, max)?;
        }
        if self.function > limits.function_max {
            return Err(too_large(
                format!("a function of {}", in_bytes(self.function)),
                "the size of a function",
                in_bytes(limits.function_max),
            ));
        }
        Ok(())
    }
}

/// Counts what one instance of a compiled component takes of the pools.
pub(super) fn instance(
    component: &Component,
    limits: &ComponentLimits,
) -> Result<(), ComponentError> {
    let (memories, tables) = memories_and_tables(component)?;
    at_most(memories, "memories", limits.memories_max)?;
    at_most(tables, "tables", limits.tables_max)
}

/// How many shares of the pools an instance takes. One share is a memory and
/// [`TABLES_PER_SHARE`] tables, which is enough for a component with one memory.
pub(super) fn shares(component: &Component) -> Result<u32, ComponentError> {
    let (memories, tables) = memories_and_tables(component)?;
    Ok(memories.max(tables.div_ceil(TABLES_PER_SHARE)).max(1))
}

fn memories_and_tables(component: &Component) -> Result<(u32, u32), ComponentError> {
    // Unknown only for what imports a core module.
    let required = component
        .resources_required()
        .ok_or_else(|| ComponentError::Import("a core module".to_owned()))?;
    Ok((required.num_memories, required.num_tables))
}

fn at_most(count: u32, what: &'static str, max: u32) -> Result<(), ComponentError> {
    if count > max {
        return Err(too_large(format!("{count} {what}"), what, max.to_string()));
    }
    Ok(())
}

fn too_large(has: String, limit: &'static str, max: String) -> ComponentError {
    ComponentError::TooLarge {
        has,
        limit: limit.into(),
        max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ComponentLimits {
        ComponentLimits {
            file_max: 400,
            function_max: 10,
            core_modules_max: 2,
            components_max: 1,
            core_instances_max: 3,
            ..ComponentLimits::default()
        }
    }

    #[track_caller]
    fn check(wat: &str, expect: Result<(), &str>) {
        let wasm = wat::parse_str(wat).unwrap();
        let found = bytes(&wasm, &limits()).map_err(|err| err.to_string());
        assert_eq!(found, expect.map_err(str::to_owned));
    }

    #[test]
    fn parts_are_counted_wherever_they_are() {
        check(
            "(component (core module) (component (core module)))",
            Ok(()),
        );
        check(
            "(component (core module) (component (core module) (core module)))",
            Err("it has 3 core modules; the limit on core modules is 2"),
        );
        check(
            "(component (component) (component))",
            Err("it has 2 nested components; the limit on nested components is 1"),
        );
        let instances = "(core instance (instantiate $m))";
        check(
            &format!("(component (core module $m) {})", instances.repeat(3)),
            Ok(()),
        );
        check(
            &format!("(component (core module $m) {})", instances.repeat(4)),
            Err("it has 4 core instances; the limit on core instances is 3"),
        );
    }

    #[test]
    fn sizes_are_limited() {
        let of = |count: usize| {
            let nops = "nop ".repeat(count);
            format!("(component (core module (func {nops})))")
        };
        check(&of(8), Ok(()));
        check(
            &of(9),
            Err("it has a function of 11 B; the limit on the size of a function is 10 B"),
        );
        check(
            &of(500),
            Err("it has a size of 537 B; the limit on the size of a component is 400 B"),
        );
    }

    #[test]
    fn what_is_no_component_is_left_to_the_compiler() {
        assert_eq!(bytes(b"\0asm\x0d\0\x01\0\x01\xff", &limits()), Ok(()));
    }

    #[test]
    fn shares_follow_from_memories_and_tables() {
        #[track_caller]
        fn check(parts: &str, expect: u32) {
            let engine = wasmtime::Engine::default();
            let wat =
                format!("(component (core module $m {parts}) (core instance (instantiate $m)))");
            let wasm = wat::parse_str(wat).unwrap();
            let component = Component::from_binary(&engine, &wasm).unwrap();
            assert_eq!(shares(&component), Ok(expect));
        }
        check("", 1);
        check("(memory 1) (table 1 funcref)", 1);
        check(&"(table 1 funcref)".repeat(4), 1);
        check(&"(table 1 funcref)".repeat(5), 2);
        check(&"(memory 1)".repeat(3), 3);
    }
}
