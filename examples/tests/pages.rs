//! Code shown on pages is code that runs.

/// The blocks of code on a page, of which there must be some.
fn shown(page: &str) -> Vec<&str> {
    let blocks = page.split("```rust\n").skip(1);
    let blocks: Vec<_> =
        blocks.map(|block| block.split("```").next().unwrap_or_default()).collect();
    assert!(!blocks.is_empty());
    blocks
}

/// Whether the lines of `block` stand in a program in a row.
fn stands_in(block: &str, program: &str) -> bool {
    // A page leaves out what is around it, and so the indentation.
    let lines: Vec<_> = program.lines().map(str::trim).collect();
    let wanted: Vec<_> = block.lines().map(str::trim).collect();
    lines.windows(wanted.len()).any(|part| part == wanted)
}

#[test]
fn the_page_about_one_layer_shows_the_example() {
    let example = include_str!("../examples/one_layer.rs");
    for block in shown(include_str!("../../docs/one-layer.md")) {
        assert!(stands_in(block, example), "not in the example as it is shown:\n{block}");
    }
}

#[test]
fn the_page_about_before_and_after_shows_the_examples() {
    let layers = include_str!("../examples/before_and_after_layers.rs");
    let balance_list = include_str!("../examples/before_and_after_balance_list.rs");
    let page = include_str!("../../docs/before-and-after.md");
    let (first, second) = page.split_once("## `tonic").expect("a part about each");
    for (part, example) in [(first, layers), (second, balance_list)] {
        for block in shown(part) {
            assert!(stands_in(block, example), "not in the example as it is shown:\n{block}");
        }
    }
}

#[test]
fn the_page_about_migrating_shows_the_example() {
    let example = include_str!("../examples/migrating.rs");
    for block in shown(include_str!("../../docs/migrating-to-orlop-breaker.md")) {
        assert!(stands_in(block, example), "not in the example as it is shown:\n{block}");
    }
}

#[test]
fn the_readme_of_the_breaker_shows_a_doc_test() {
    let docs = include_str!("../../breaker/src/lib.rs").lines();
    let docs = docs.filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    // Without what a doc test hides.
    let docs: Vec<_> = docs.filter(|line| !line.starts_with("# ")).collect();
    for block in shown(include_str!("../../breaker/README.md")) {
        assert!(stands_in(block, &docs.join("\n")), "not in the docs as it is shown:\n{block}");
    }
}

#[test]
fn the_index_names_every_example() {
    let index = include_str!("../lib.rs");
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for entry in std::fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(index.contains(&format!("| `{name}` |")), "{name} is not in the index");
    }
}
