//! What the compiler says to an author who is mistaken: each file below `ui/` with its
//! message beside it.

#[test]
fn mistakes_are_told_in_plain_words() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
