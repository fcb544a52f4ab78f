//! The README's example is the one that the crate's page compiles.

#[test]
fn the_readme_shows_code_that_compiles() {
    let readme = include_str!("../../README.md");
    let page = include_str!("../../src/lib.rs").replace("//! ", "").replace("//!", "");
    let code = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let code = code.expect("the README has an example");
    assert!(page.contains(code), "change both: {code}");
}
