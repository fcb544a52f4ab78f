//! Code shown on pages is code that runs.

fn shown(page: &str) -> Vec<&str> {
    let blocks = page.split("```rust\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn the_page_about_one_layer_shows_the_example() {
    let example = include_str!("../examples/one_layer.rs");
    let blocks = shown(include_str!("../../docs/one-layer.md"));
    assert!(!blocks.is_empty());
    for block in blocks {
        // The page leaves out what is around it, and so the indentation.
        let lines: Vec<_> = example.lines().map(str::trim).collect();
        let wanted: Vec<_> = block.lines().map(str::trim).collect();
        let there = lines.windows(wanted.len()).any(|part| part == wanted);
        assert!(there, "not in the example as it is shown:\n{block}");
    }
}
