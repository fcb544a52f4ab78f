//! The example in the README is the one in the documentation, which is compiled.

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let readme = include_str!("../../README.md");
    let compiled: String = include_str!("../../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let shown = readme.split("```rust\n").nth(1).expect("an example");
    let shown = shown.split("```").next().expect("its end");
    assert!(compiled.contains(shown), "not in lib.rs as it is shown:\n{shown}");
}
