//! What every package must state and ship. No compiling: these are the mistakes worth finding first.

use std::fs;
use std::path::Path;

use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::{Package, Workspace};

/// What each published crate has in its own folder, because a package holds nothing from outside it.
pub(crate) const SHIPPED: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    let findings = findings(workspace);
    for line in &findings {
        println!("{line}");
    }
    match findings.len() {
        0 => Outcome::Passed,
        count => Outcome::Failed(format!("{count} findings")),
    }
}

/// One line for each thing that is wrong.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let mut wrong = compiler_version(workspace);
    for package in &workspace.packages {
        let manifest = read(&package.dir.join("Cargo.toml"));
        if !inherits_lints(&manifest) {
            wrong.push(format!("{}: no `[lints] workspace = true`", package.name));
        }
        if package.published {
            wrong.extend(publishing(package));
        }
    }
    let readmes = workspace.packages.iter().map(|p| p.dir.join("README.md"));
    for readme in readmes.chain([workspace.root.join("README.md")]) {
        let shown = readme.strip_prefix(&workspace.root).unwrap_or(&readme);
        for stale in stale_versions(workspace, &read(&readme)) {
            wrong.push(format!("{}: {stale}", shown.display()));
        }
    }
    wrong
}

/// The oldest compiler is stated once, for everybody, and clippy is told to hold code against it.
fn compiler_version(workspace: &Workspace) -> Vec<String> {
    let mut wrong = Vec::new();
    let lint = "incompatible_msrv = ";
    let root = read(&workspace.root.join("Cargo.toml"));
    let on = root.lines().any(|line| line.starts_with(lint) && !line.contains("allow"));
    if !on {
        wrong.push(
            "Cargo.toml: the workspace does not turn clippy's incompatible_msrv on".to_owned(),
        );
    }
    let stated = workspace.packages.first().map(|p| &p.rust_version);
    for package in &workspace.packages {
        if package.rust_version.is_none() || Some(&package.rust_version) != stated {
            wrong.push(format!(
                "{}: rust-version is {:?}, not the workspace's",
                package.name, package.rust_version
            ));
        }
    }
    wrong
}

fn publishing(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut wrong = Vec::new();
    if package.description.is_none() {
        wrong.push(format!("{name}: no description"));
    }
    if package.license.as_deref() != Some("MIT OR Apache-2.0") {
        wrong.push(format!("{name}: licence is {:?}", package.license));
    }
    for file in SHIPPED {
        if !package.dir.join(file).is_file() {
            wrong.push(format!("{name}: no {file}"));
        }
    }
    wrong
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

/// Snippets such as `orlop-breaker = "0.1"` that a reader would copy and that no longer resolve to this version.
fn stale_versions(workspace: &Workspace, text: &str) -> Vec<String> {
    let snippets = text.lines().filter_map(dependency_snippet);
    let stale = snippets.filter_map(|(name, stated)| {
        let package = workspace.package(name)?;
        let version = &package.version;
        (!covers(stated, version)).then(|| format!("{name} is {version}, not {stated}"))
    });
    stale.collect()
}

/// The name and version of a line like `name = "1.2"` or `name = { version = "1.2", .. }`.
fn dependency_snippet(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let value = match value.split_once("version") {
        Some((_, rest)) => rest.trim_start().strip_prefix('=')?,
        None => value,
    };
    let version = value.trim_start().strip_prefix('"')?.split('"').next()?;
    Some((name.trim(), version))
}

/// Whether `stated` is `version`, or its beginning with at least major and minor.
fn covers(stated: &str, version: &str) -> bool {
    stated == version
        || (stated.contains('.')
            && version.strip_prefix(stated).is_some_and(|rest| rest.starts_with('.')))
}

/// An unreadable file is an empty one: that it is missing is reported where it must exist.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_found_in_both_forms() {
        assert_eq!(dependency_snippet(r#"a = "0.1""#), Some(("a", "0.1")));
        assert_eq!(
            dependency_snippet(r#"a = { version = "0.1.2", features = ["http"] }"#),
            Some(("a", "0.1.2"))
        );
        assert_eq!(dependency_snippet("let a = 1;"), None);
    }

    #[test]
    fn a_snippet_covers_its_own_version_only() {
        for good in ["0.1", "0.1.0"] {
            assert!(covers(good, "0.1.0"), "{good}");
        }
        for bad in ["0", "0.1.1", "0.10", "0.2", ""] {
            assert!(!covers(bad, "0.1.0"), "{bad}");
        }
    }

    #[test]
    fn a_stale_snippet_is_named() {
        let workspace = Workspace::load().expect("we run inside it");
        let name = &workspace.published().next().expect("something is published").name;
        let text = format!("{name} = \"99.0\"\nserde = \"99.0\"\n");
        let stale = stale_versions(&workspace, &text);
        assert_eq!(stale.len(), 1, "{stale:?}");
        assert!(stale[0].contains(name), "{stale:?}");
    }

    #[test]
    fn lints_count_only_under_their_own_heading() {
        assert!(inherits_lints("[lints]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints]\n\n[features]\nworkspace = true\n"));
        assert!(!inherits_lints("[package]\nname = \"a\"\n"));
    }
}
