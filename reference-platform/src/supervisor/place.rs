//! The platform's directory: one supervisor at a time, and what it leaves for its children and for other commands.
//!
//! | file | what |
//! |---|---|
//! | `lock` | held by the running supervisor; the kernel lets go of it however the supervisor ends |
//! | `secret` | 32 random bytes in hex, mode 0600: what tokens and URLs are signed with |
//! | `control.json` | where the supervisor listens and the token it asks for, mode 0600 |
//! | `logs/<instance>.log` | what an instance printed |

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::failure::Failure;
use crate::settings::Secret;

/// The directory, ours until this is dropped.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    _lock: Flock<File>,
}

// ===== impl Place =====

impl Place {
    /// Makes the directory if need be (not its parents) and claims it.
    ///
    /// # Errors
    ///
    /// When the parent is missing, the directory is not writable, or a platform runs in it: exit code 2.
    pub fn claim(dir: &Path) -> Result<Self, Failure> {
        make(dir)?;
        make(&dir.join("logs"))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(|e| unusable(&path, &e))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(Failure::usage(format!(
                "a platform already runs in {0}: end it with `platform down --dir {0}` (a demo: with Ctrl-C), or choose another --dir",
                dir.display()
            ))),
            Err((_, errno)) => Err(unusable(&path, &errno.into())),
        }
    }

    /// Whether a supervisor holds this directory.
    pub fn is_claimed(dir: &Path) -> bool {
        let Ok(file) = File::open(dir.join("lock")) else {
            return false;
        };
        // Taken and let go of at once when it is free.
        Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err()
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where instances' output goes.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// The secret of this directory, made now if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be written or is not one of ours: exit code 2.
    pub fn secret(&self) -> Result<Secret, Failure> {
        if !self.dir.join("secret").exists() {
            write_private(&self.dir, "secret", &hex::encode(random_bytes()?))?;
        }
        read_secret(&self.dir)
    }
}

/// The secret that a supervisor left in `dir`.
///
/// # Errors
///
/// When there is none: exit code 2.
pub fn read_secret(dir: &Path) -> Result<Secret, Failure> {
    let path = dir.join("secret");
    let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!(
            "{} is missing: `platform up --dir {}` makes it",
            path.display(),
            dir.display()
        )),
        _ => unusable(&path, &e),
    })?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| {
        let path = path.display();
        Failure::usage(format!("{path} does not hold 64 hex digits: delete it, a new one is made"))
    })?;
    Ok(Secret::new(bytes))
}

/// Replaces a file that only we may read, in one step.
pub(super) fn write_private(dir: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let write = || {
        // A leftover of a crash may have another mode, which opening it would keep.
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.create_new(true).write(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&new, &path)
    };
    write().map_err(|e| unusable(&path, &e))
}

/// 32 bytes from the system's randomness: unlike everything else here, secrets and tokens must not follow from a seed.
pub(super) fn random_bytes() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    let read =
        File::open("/dev/urandom").and_then(|mut f| io::Read::read_exact(&mut f, &mut bytes));
    read.map_err(|e| Failure::failed(format!("/dev/urandom cannot be read: {e}")))?;
    Ok(bytes)
}

fn make(dir: &Path) -> Result<(), Failure> {
    match fs::create_dir(dir) {
        Ok(()) => Ok(()),
        Err(_) if dir.is_dir() => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let parent = dir.parent().unwrap_or(dir).display();
            let text = format!(
                "{parent} does not exist: make it with `mkdir -p {parent}`, or choose another --dir"
            );
            Err(Failure::usage(text))
        }
        Err(e) => Err(unusable(dir, &e)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::usage(format!(
        "{path} cannot be used ({error}): make it readable and writable, or choose another --dir"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn directory_has_one_owner_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("p");
        let first = Place::claim(&dir).unwrap();
        assert!(Place::is_claimed(&dir));
        let second = Place::claim(&dir).unwrap_err();
        assert_eq!(second.code(), 2);
        assert!(second.to_string().contains("already runs in"), "{second}");
        drop(first);
        assert!(!Place::is_claimed(&dir));
        Place::claim(&dir).unwrap();
    }

    #[test]
    fn secret_is_kept_private_and_the_same_for_children() {
        let temp = tempfile::tempdir().unwrap();
        let place = Place::claim(temp.path()).unwrap();
        let secret = place.secret().unwrap();
        assert!(secret == place.secret().unwrap(), "a second start keeps it");
        assert!(secret == read_secret(temp.path()).unwrap());
        let mode = fs::metadata(temp.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn missing_parent_and_a_file_in_the_way_say_what_to_do() {
        let temp = tempfile::tempdir().unwrap();
        let missing = Place::claim(&temp.path().join("no/such")).unwrap_err();
        assert!(missing.to_string().contains("make it with `mkdir -p"), "{missing}");
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let blocked = Place::claim(&file).unwrap_err();
        assert!(blocked.to_string().contains("choose another --dir"), "{blocked}");
        let none = read_secret(temp.path()).unwrap_err();
        assert!(none.to_string().contains("platform up"), "{none}");
    }
}
