//! Checks whether bytes are a component for this host, before any of its code runs.

use wasmtime::component::Component;

use super::{CONTRACT_VERSION, ComponentError};

/// What every WebAssembly file begins with.
const MAGIC: &[u8] = b"\0asm";
/// The layer of a component, after magic and version: a core module has 0 here.
const COMPONENT_LAYER: u8 = 1;
/// The interface that a component must export, without its version.
const GUEST: &str = "orch:workflow/guest@";

/// What the first bytes say about a file.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), ComponentError> {
    if bytes.is_empty() {
        return Err(ComponentError::Empty);
    }
    if !bytes.starts_with(MAGIC) {
        let begin = &bytes[..bytes.len().min(16)];
        return Err(ComponentError::NotWasm(format!(
            "`{}`",
            begin.escape_ascii()
        )));
    }
    match bytes.get(6) {
        Some(&COMPONENT_LAYER) => Ok(()),
        Some(_) => Err(ComponentError::CoreModule),
        None => Err(ComponentError::Invalid("it ends in its header".to_owned())),
    }
}

/// Checks that the compiled component exports the contract's interface, in this host's version.
pub(super) fn exports(component: &Component) -> Result<(), ComponentError> {
    let engine = component.engine();
    let kind = component.component_type();
    let version = kind
        .exports(engine)
        .find_map(|(name, _)| name.strip_prefix(GUEST).map(str::to_owned));
    match version {
        None => Err(ComponentError::OtherWorld),
        Some(version) if version == CONTRACT_VERSION => Ok(()),
        Some(found) => Err(ComponentError::OtherVersion {
            found,
            ours: CONTRACT_VERSION.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_most_mistakes() {
        #[track_caller]
        fn check(content: &[u8], expect: &str) {
            assert_eq!(bytes(content).unwrap_err().to_string(), expect);
        }
        check(b"", "it is empty");
        check(
            b"#!/bin/sh",
            "it is not WebAssembly: it begins with `#!/bin/sh`",
        );
        check(b"\0asm\x01\0\0\0", "it is a core module, not a component");
        check(
            b"\0asm",
            "it is truncated or damaged: it ends in its header",
        );
        assert_eq!(bytes(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
