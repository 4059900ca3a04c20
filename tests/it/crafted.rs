//! Components that no compiler makes: a real one with more in it.

use std::fs;
use std::path::PathBuf;

use test_support::{Home, guest};

/// The ids of sections of a component.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;

/// The component of a guest, and what is added at its end.
pub struct Crafted(Vec<u8>);

impl Crafted {
    pub fn of(name: &str) -> Self {
        Self(fs::read(guest(name)).unwrap())
    }

    /// Adds a core module, given as text, and so many instances of it.
    pub fn module(mut self, wat: &str, instances: usize) -> Self {
        let index = self.sections(CORE_MODULE);
        self.add(CORE_MODULE, wat::parse_str(wat).unwrap());
        if instances > 0 {
            let mut all = leb(instances);
            for _ in 0..instances {
                // Made from a module, without arguments.
                all.push(0);
                all.extend(leb(index));
                all.push(0);
            }
            self.add(CORE_INSTANCE, all);
        }
        self
    }

    /// Adds a component, given as text.
    pub fn component(mut self, wat: &str) -> Self {
        self.add(COMPONENT, wat::parse_str(wat).unwrap());
        self
    }

    /// Writes it into the home, and returns where.
    pub fn file(self, home: &Home, name: &str) -> String {
        let path: PathBuf = home.path().join(name);
        fs::write(&path, self.0).unwrap();
        path.display().to_string()
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0
    }

    fn add(&mut self, section: u8, content: Vec<u8>) {
        self.0.push(section);
        self.0.extend(leb(content.len()));
        self.0.extend(content);
    }

    /// How many sections of this id there are.
    fn sections(&self, wanted: u8) -> usize {
        const HEADER: usize = 8;
        let (mut at, mut count) = (HEADER, 0);
        while let Some(&section) = self.0.get(at) {
            count += usize::from(section == wanted);
            let (length, size) = read_leb(&self.0[at + 1..]);
            at += 1 + size + length;
        }
        count
    }
}

/// A number as WebAssembly writes it: seven bits a byte, the lowest first.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// The number, and how many bytes it takes.
fn read_leb(bytes: &[u8]) -> (usize, usize) {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (number, at + 1);
        }
    }
    panic!("a number without end");
}

/// A core module with one function of so many branches: the larger, the longer it takes to
/// compile each of them.
pub fn branches(count: usize) -> String {
    let branch = "(if (local.get 0) (then (local.set 0 (i32.add (local.get 0) (i32.const 1)))))";
    format!(
        "(module (func (param i32) (result i32) {} (local.get 0)))",
        branch.repeat(count)
    )
}
