//! `cargo xtask release-check`: what has to hold before anything is published.

use crate::command::Cmd;
use crate::manifests;
use crate::packages::package;
use crate::workspace::{Package, Workspace};

const HELP: &str = "\
Packages every published crate, builds each from its package alone, and checks that the package holds README, CHANGELOG
and both licences, and that the versions in READMEs are the workspace's. Publishes nothing.

Usage: cargo xtask release-check [OPTIONS]

Options:
  --allow-dirty   also with uncommitted changes
  -h, --help      this text
";

/// Runs the command. `Ok(false)` if something does not hold, `Err` if the command line is wrong.
pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    let mut dirty = false;
    for arg in args {
        match arg.as_str() {
            "--allow-dirty" => dirty = true,
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(true);
            }
            _ => {
                return Err(format!(
                    "no option `{arg}`; `cargo xtask release-check --help` lists them"
                ));
            }
        }
    }
    let workspace = Workspace::load()?;
    let mut wrong = manifests::findings(&workspace);
    for member in workspace.published() {
        wrong.extend(absent_from_package(&workspace, member));
    }
    let mut cargo = package(&workspace);
    if dirty {
        cargo = cargo.arg("--allow-dirty");
    }
    if let Err(why) = cargo.run() {
        wrong.push(format!("cargo package {why}"));
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    if wrong.is_empty() {
        println!("{} crates are ready", workspace.published().count());
    }
    Ok(wrong.is_empty())
}

/// Files that a user must find in the package, and would not.
fn absent_from_package(workspace: &Workspace, member: &Package) -> Vec<String> {
    let listing =
        Cmd::cargo(workspace).words("package --list --allow-dirty -p").arg(&member.name).quiet();
    let Some(listing) = listing else {
        return vec![format!("{}: cargo package --list fails", member.name)];
    };
    let listing = String::from_utf8_lossy(&listing);
    let absent =
        manifests::SHIPPED.iter().filter(|file| !listing.lines().any(|line| line == **file));
    absent.map(|file| format!("{}: the package has no {file}", member.name)).collect()
}
