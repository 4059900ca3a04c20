//! Choices that are made of a fuzzer's bytes. When there are no more bytes, every choice is
//! the first one, so whatever repeats until a choice ends.

use arbitrary::Unstructured;

pub struct Dice<'d>(Unstructured<'d>);

impl<'d> Dice<'d> {
    pub fn new(bytes: Unstructured<'d>) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left to choose by.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From 0 to `n - 1`.
    pub fn below(&mut self, n: usize) -> usize {
        let last = n.saturating_sub(1);
        self.0.int_in_range(0..=last).unwrap_or(0)
    }

    /// Whether something happens that happens once in `n` times. Never without bytes.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) + 1 == n && n > 0 && !self.is_empty()
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(2).then(|| make(self))
    }

    pub fn word(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    pub fn list<T>(&mut self, max: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(max + 1);
        (0..count).map(|_| make(self)).collect()
    }

    /// Mostly a small number, otherwise one at an edge, or any.
    pub fn number(&mut self) -> u64 {
        match self.below(8) {
            0..5 => self.below(12) as u64,
            5 => self.0.int_in_range(0..=100_000).unwrap_or(0),
            6 => {
                let edges = [i64::MAX as u64, u64::MAX, u64::from(u32::MAX), 1 << 53];
                *self.pick(&edges)
            }
            _ => self.0.arbitrary().unwrap_or(0),
        }
    }

    /// Any number, with what is none.
    pub fn fraction(&mut self) -> f64 {
        match self.below(3) {
            0 => *self.pick(&[
                0.0,
                0.5,
                1.0,
                100.0,
                -1.0,
                f64::NAN,
                f64::INFINITY,
                f64::MAX,
            ]),
            1 => self.below(100) as f64 / 10.0,
            _ => self.0.arbitrary().unwrap_or(0.0),
        }
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'d [u8] {
        let len = self.0.len();
        self.0.bytes(len).unwrap_or_default()
    }
}
