//! What the workspace consists of, as `cargo metadata` tells it: nothing is listed by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace this command runs in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// Sorted by folder.
    pub(crate) packages: Vec<Package>,
}

/// One member.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) dir: PathBuf,
    pub(crate) published: bool,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    targets: Vec<(String, String)>,
}

impl Workspace {
    /// Asks cargo, without resolving dependencies: needs no network and no lock file.
    pub(crate) fn load() -> Result<Self, String> {
        let output = Command::new(cargo_binary())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .map_err(|e| format!("cargo metadata did not start: {e}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo metadata failed: {}", text.trim()));
        }
        let json: Value = serde_json::from_slice(&output.stdout)
            .map_err(|e| format!("cargo metadata is not JSON: {e}"))?;
        Self::from_metadata(&json)
    }

    fn from_metadata(json: &Value) -> Result<Self, String> {
        let packages = json["packages"].as_array().ok_or("cargo metadata has no packages")?;
        let mut packages =
            packages.iter().map(Package::from_metadata).collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|a, b| a.dir.cmp(&b.dir));
        Ok(Self {
            root: PathBuf::from(text(json, "workspace_root")?),
            target: PathBuf::from(text(json, "target_directory")?),
            packages,
        })
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| p.published)
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|p| p.name == name)
    }
}

impl Package {
    fn from_metadata(json: &Value) -> Result<Self, String> {
        let manifest = PathBuf::from(text(json, "manifest_path")?);
        let dir = manifest.parent().ok_or("a manifest without a folder")?.to_owned();
        let targets = json["targets"].as_array().into_iter().flatten();
        let targets = targets
            .map(|t| {
                let kind = t["kind"][0].as_str().unwrap_or_default().to_owned();
                Ok((kind, text(t, "name")?))
            })
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            name: text(json, "name")?,
            version: text(json, "version")?,
            dir,
            // `publish = false` shows as an empty list of registries, no statement as null.
            published: json["publish"].as_array().is_none_or(|r| !r.is_empty()),
            description: text(json, "description").ok(),
            license: text(json, "license").ok(),
            rust_version: text(json, "rust_version").ok(),
            targets,
        })
    }

    /// The names of its targets of one kind: `test`, `bench`, `example`.
    pub(crate) fn targets(&self, kind: &str) -> impl Iterator<Item = &str> {
        let of_kind = move |t: &&(String, String)| t.0 == kind;
        self.targets.iter().filter(of_kind).map(|t| t.1.as_str())
    }
}

fn text(json: &Value, key: &str) -> Result<String, String> {
    json[key].as_str().map(str::to_owned).ok_or_else(|| format!("cargo metadata has no {key}"))
}

/// The cargo that runs us, so that a chosen toolchain stays chosen.
pub(crate) fn cargo_binary() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_published_unless_its_manifest_says_no() {
        let json: Value = serde_json::from_str(
            r#"{"workspace_root": "/w", "target_directory": "/w/target", "packages": [
                {"name": "b", "version": "1.0.0", "manifest_path": "/w/b/Cargo.toml", "publish": [],
                 "targets": [{"kind": ["test"], "name": "loom"}, {"kind": ["lib"], "name": "b"}]},
                {"name": "a", "version": "1.0.0", "manifest_path": "/w/a/Cargo.toml", "publish": null,
                 "targets": []}]}"#,
        )
        .expect("valid JSON");
        let workspace = Workspace::from_metadata(&json).expect("complete metadata");
        let names: Vec<_> = workspace.published().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a"]);
        let b = workspace.package("b").expect("it is a member");
        assert_eq!(b.targets("test").collect::<Vec<_>>(), ["loom"]);
    }

    #[test]
    fn this_workspace_can_be_read() {
        let workspace = Workspace::load().expect("we run inside it");
        assert!(workspace.package("xtask").is_some_and(|p| !p.published));
        assert!(workspace.published().count() > 0);
    }
}
