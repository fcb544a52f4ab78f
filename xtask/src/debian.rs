//! Tools that come from Debian, installed where everything is asked for.

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Makes sure that `tool` starts. `version` is the option with which it says so and ends.
pub(crate) fn install(workspace: &Workspace, tool: &str, version: &str) -> Result<(), String> {
    if is_there(workspace, tool, version) {
        return Ok(());
    }
    let user = Cmd::new(workspace, "id").arg("-u").quiet();
    if user.as_deref().map(<[u8]>::trim_ascii) != Some(b"0") {
        return Err(format!(
            "{tool} is missing and only root may install it: apt-get install {tool}"
        ));
    }
    let cannot = |why| format!("{tool} could not be installed: {why}");
    Cmd::new(workspace, "apt-get").words("update -q").run().map_err(cannot)?;
    Cmd::new(workspace, "apt-get")
        .words("install -q -y --no-install-recommends")
        .arg(tool)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Keeps a package from starting a daemon: tests start their own, on ports of their own.
        .env("RUNLEVEL", "1")
        .run()
        .map_err(cannot)?;
    if is_there(workspace, tool, version) {
        Ok(())
    } else {
        Err(format!("{tool} was installed and still does not start"))
    }
}

pub(crate) fn is_there(workspace: &Workspace, tool: &str, version: &str) -> bool {
    Cmd::new(workspace, tool).arg(version).quiet().is_some()
}
