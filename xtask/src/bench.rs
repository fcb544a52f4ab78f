//! `cargo xtask bench`: one package at a time.

use crate::command::Cmd;
use crate::workspace::Workspace;

const HELP: &str = "\
Runs the benches of each package that has some, or of the packages named.

Usage: cargo xtask bench [OPTIONS] [PACKAGE]...

Options:
  --list       print the benches and stop
  -h, --help   this text
";

/// Runs the command. `Ok(false)` if a bench failed, `Err` if the command line is wrong.
pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let mut list = false;
    let mut names = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--list" => list = true,
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(true);
            }
            name if !name.starts_with('-') => names.push(name),
            _ => {
                return Err(format!("no option `{arg}`; `cargo xtask bench --help` lists them"));
            }
        }
    }
    let workspace = Workspace::load()?;
    if let Some(name) = names.iter().find(|n| workspace.package(n).is_none()) {
        return Err(format!("no package `{name}` in the workspace"));
    }
    let mut ok = true;
    let mut found = 0;
    for package in &workspace.packages {
        if !names.is_empty() && !names.contains(&package.name.as_str()) {
            continue;
        }
        let benches: Vec<_> = package.targets("bench").collect();
        if benches.is_empty() {
            continue;
        }
        found += benches.len();
        println!("{}: {}", package.name, benches.join(", "));
        if !list {
            // One package, not the workspace: another member's features (tokio's test-util) would be timed too.
            let bench = Cmd::cargo(&workspace).words("bench --benches -p").arg(&package.name);
            if let Err(why) = bench.run() {
                eprintln!("{}: {why}", package.name);
                ok = false;
            }
        }
    }
    if found == 0 {
        println!("none of these packages has benches yet");
    }
    Ok(ok)
}
