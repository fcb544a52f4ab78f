//! What the compiler says of the likeliest mistakes leads to the cure.
//!
//! Each file of `mistakes/` makes one. Its `//~` lines are in what the compiler says of it, and its other lines compile once the mistake is
//! cured as that says: `cures.rs`, which must compile, does so.
//!
//! Not whole texts as trybuild compares them: what stands around ours changes from one compiler to the next, and then such a test
//! is run with one compiler only. Ours is the part that we write, on whichever compiler the tests run.
#![cfg(not(orlop_loom))]

use serde_json::Value;
use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const MANIFEST: &str = r#"
[package]
name = "mistakes"
version = "0.0.0"
edition = "2024"
publish = false

# Not a member of the workspace around it: what it has does not compile.
[workspace]

[dependencies]
http = "1"
orlop-breaker = { path = "BREAKER", features = ["http"] }
tower = { version = "0.5", default-features = false, features = ["util"] }
"#;

#[test]
fn what_the_compiler_says_of_a_mistake_leads_to_the_cure() {
    let cases = cases();
    assert_eq!(cases.len(), 7, "six mistakes and their cures: {:?}", cases.keys());
    let said = check(&package(&cases));
    let mut missing = Vec::new();
    for (name, case) in &cases {
        let said = said.get(name).map(String::as_str).unwrap_or_default();
        let expected: Vec<_> = case.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert_eq!(expected.is_empty(), said.is_empty(), "{name} alone compiles:\n{said}");
        missing.extend(
            expected.into_iter().filter(|text| !said.contains(text)).map(|text| (name, text, said)),
        );
    }
    for (name, text, said) in &missing {
        eprintln!("of {name} the compiler does not say\n    {text}\nbut\n{said}");
    }
    assert!(missing.is_empty());
}

/// The cases by name.
fn cases() -> HashMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// A package with a program per case. In cargo's own folder for what tests make, so that it compiles its dependencies once.
fn package(cases: &HashMap<String, String>) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    let programs = package.join("src/bin");
    // A case that is there no more must not be judged.
    if programs.exists() {
        fs::remove_dir_all(&programs).unwrap();
    }
    fs::create_dir_all(&programs).unwrap();
    for (name, text) in cases {
        fs::write(programs.join(name).with_extension("rs"), text).unwrap();
    }
    let breaker = env!("CARGO_MANIFEST_DIR").replace('\\', "/");
    fs::write(package.join("Cargo.toml"), MANIFEST.replace("BREAKER", &breaker)).unwrap();
    // The versions that the workspace has, which are there without a network.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    if lock.exists() {
        fs::copy(lock, package.join("Cargo.lock")).unwrap();
    }
    package
}

/// What the compiler says of each program.
fn check(package: &Path) -> HashMap<String, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["check", "--bins", "--keep-going", "--offline", "--quiet", "--message-format=json"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .expect("cargo runs");
    let mut said = HashMap::<String, String>::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let message: Value = serde_json::from_str(line).expect("a JSON object a line");
        // Of our own library's warnings, if there are any, other tests speak.
        let is_program = message["target"]["kind"][0] == "bin";
        if message["reason"] == "compiler-message" && is_program {
            let name = message["target"]["name"].as_str().unwrap().to_owned();
            *said.entry(name).or_default() += message["message"]["rendered"].as_str().unwrap();
        }
    }
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(!said.is_empty(), "nothing was compiled:\n{errors}");
    said
}
