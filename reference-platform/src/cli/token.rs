//! `platform token`: a member's token, to try the platform by hand.

use std::path::PathBuf;

use super::say;
use crate::clock::Wall;
use crate::failure::Failure;
use crate::members::{Member, Plan};
use crate::signing;
use crate::supervisor::place;

/// Arguments of `platform token`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Who it is for; left out: the first member who may play
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// The directory the platform was started in
    #[arg(long, value_name = "DIR", default_value = ".platform")]
    dir: PathBuf,
    /// The seed the platform was started with: members' plans follow from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Prints the token and nothing else, for `$(platform token)`.
pub(super) fn token(args: &Args) -> Result<(), Failure> {
    let secret = place::read_secret(&args.dir)?;
    let member = match &args.member {
        Some(name) => named(args.seed, name)?,
        None => (0..)
            .map(|number| Member::numbered(args.seed, number))
            .find(|member| member.plan() == Plan::Full)
            .ok_or_else(|| Failure::failed("no member may play"))?,
    };
    say(signing::token(&secret, &member, Wall::machine().unix_seconds()));
    Ok(())
}

fn named(seed: u64, name: &str) -> Result<Member, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(Member::of(seed, name));
    }
    let text =
        format!("--member: a name is 1 to 64 letters, digits, `-`, `_` or `.`, got {name:?}");
    Err(Failure::usage(text))
}
