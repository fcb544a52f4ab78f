//! The virtual members. Plan and age follow from the seed and the name, so nothing is stored and all processes agree.

use serde::Serialize;

use crate::catalogue::{Maturity, Title};
use crate::ctx::stable_hash;

/// Somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    id: String,
    plan: Plan,
    max_maturity: Maturity,
}

/// What somebody has paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// All titles but those of the last two years.
    Basic,
    /// All titles.
    Full,
    /// None until the next payment.
    Lapsed,
}

/// Why a member may not play a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The plan has lapsed.
    Lapsed,
    /// The title is too new for the plan.
    TooNew,
    /// The title is for older members.
    Maturity,
}

/// From this year on a title is new.
const NEW: u16 = 2024;

// ===== impl Member =====

impl Member {
    /// The member with this name: one in fifty has lapsed, three in ten are basic, one in eight is a child's profile.
    pub fn of(seed: u64, id: impl Into<String>) -> Self {
        let id = id.into();
        let draw = |purpose: &[u8], below: u64| {
            stable_hash(&[&seed.to_le_bytes(), purpose, id.as_bytes()]) % below
        };
        let plan = match draw(b"plan", 50) {
            0 => Plan::Lapsed,
            1..16 => Plan::Basic,
            _ => Plan::Full,
        };
        let max_maturity = match draw(b"maturity", 16) {
            0 => Maturity::Six,
            1 => Maturity::Twelve,
            _ => Maturity::Adult,
        };
        Self { id, plan, max_maturity }
    }

    /// The `number`th of the virtual members: `m000007`.
    pub fn numbered(seed: u64, number: u32) -> Self {
        Self::of(seed, format!("m{number:06}"))
    }

    /// Who it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was paid for.
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// The most that this profile may watch.
    pub const fn max_maturity(&self) -> Maturity {
        self.max_maturity
    }

    /// Whether this member may play `title`: what the entitlement service answers.
    ///
    /// # Errors
    ///
    /// The first reason why not.
    pub fn may_play(&self, title: &Title) -> Result<(), Refusal> {
        if self.plan == Plan::Lapsed {
            return Err(Refusal::Lapsed);
        }
        if title.maturity() > self.max_maturity {
            return Err(Refusal::Maturity);
        }
        if self.plan == Plan::Basic && title.year() >= NEW {
            return Err(Refusal::TooNew);
        }
        Ok(())
    }
}

// ===== impl Plan =====

impl Plan {
    /// Its name in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Full => "full",
            Self::Lapsed => "lapsed",
        }
    }
}

// ===== impl Refusal =====

impl Refusal {
    /// A word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Lapsed => "plan_lapsed",
            Self::TooNew => "plan_too_small",
            Self::Maturity => "too_mature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn members_are_the_same_everywhere_and_differ() {
        assert_eq!(Member::numbered(1, 7), Member::of(1, "m000007"));
        let all: Vec<_> = (0..1_000).map(|number| Member::numbered(1, number)).collect();
        let lapsed = all.iter().filter(|m| m.plan() == Plan::Lapsed).count();
        let children = all.iter().filter(|m| m.max_maturity() < Maturity::Adult).count();
        // Binomial: 20 expected, deviation 4.4; 125 expected, deviation 10.5.
        assert!((2..=42).contains(&lapsed), "{lapsed}");
        assert!((75..=175).contains(&children), "{children}");
        assert_ne!(all, (0..1_000).map(|n| Member::numbered(2, n)).collect::<Vec<_>>());
    }

    #[test]
    fn plan_and_age_decide() {
        let catalogue = Catalogue::generate(1, 2_400);
        let find = |plan: Plan, max: Maturity| {
            let mut all = (0..10_000).map(|number| Member::numbered(1, number));
            all.find(|m| m.plan() == plan && m.max_maturity() == max).unwrap()
        };
        let titles = catalogue.titles();
        let adult = titles.iter().find(|t| t.maturity() == Maturity::Adult && t.year() < NEW);
        let new = titles.iter().find(|t| t.maturity() == Maturity::All && t.year() >= NEW);
        let (adult, new) = (adult.unwrap(), new.unwrap());
        assert_eq!(find(Plan::Full, Maturity::Adult).may_play(adult), Ok(()));
        assert_eq!(find(Plan::Full, Maturity::Twelve).may_play(adult), Err(Refusal::Maturity));
        assert_eq!(find(Plan::Full, Maturity::Six).may_play(new), Ok(()));
        assert_eq!(find(Plan::Basic, Maturity::Adult).may_play(new), Err(Refusal::TooNew));
        assert_eq!(find(Plan::Basic, Maturity::Adult).may_play(adult), Ok(()));
        assert_eq!(find(Plan::Lapsed, Maturity::Adult).may_play(new), Err(Refusal::Lapsed));
    }
}
