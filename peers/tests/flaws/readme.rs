//! The README's table names the tests: it must not name others, nor leave one out.

use std::{collections::BTreeSet, fs, path::Path};

/// The tests below a folder, by the function that follows the attribute.
fn tests(dir: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).expect("a folder of ours") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            tests(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("readable");
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                if line == "#[test]" || line == "#[tokio::test]" {
                    let function = lines.next().expect("a function follows");
                    let (_, name) = function.split_once("fn ").expect("a function follows");
                    names.insert(name.split('(').next().expect("a name").to_owned());
                }
            }
        }
    }
}

#[test]
fn the_readme_names_every_test_and_no_other() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there = BTreeSet::new();
    tests(&dir.join("tests/flaws"), &mut there);
    tests(&dir.join("tests/outside/nine/tests"), &mut there);
    there.remove("the_readme_names_every_test_and_no_other");
    let readme = fs::read_to_string(dir.join("README.md")).expect("a README");
    // A name of a test is the only thing in it that is written with that many underscores.
    let quoted = readme.split('`').skip(1).step_by(2);
    let named: BTreeSet<_> =
        quoted.filter(|word| word.matches('_').count() > 3).map(str::to_owned).collect();
    assert_eq!(named, there);
}
