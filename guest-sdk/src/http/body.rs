//! The body of a request.

use std::{io::Read, rc::Rc};

/// The body of a request.
#[derive(Default)]
pub enum Body {
    #[default]
    Empty,
    Bytes(Rc<[u8]>),
    /// It is read while it is sent, and so only once.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    Reader(Box<dyn Read>),
}
