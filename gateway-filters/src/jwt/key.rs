//! Keys that tokens may be signed with.

use std::fmt;

use crate::BadSetting;

/// A key, and with it the one algorithm that it is for.
///
/// Its `Debug` text does not show it.
#[derive(Clone)]
pub struct JwtKey {
    pub(super) id: Option<String>,
    pub(super) material: Material,
}

#[derive(Clone)]
pub(super) enum Material {
    Hs256(Vec<u8>),
    EdDsa([u8; 32]),
}

/// RFC 7518 3.2: a key as long as the hash, or longer.
const SHORTEST_SECRET: usize = 32;

// ===== impl JwtKey =====

impl JwtKey {
    /// A secret for `HS256`, shared with the issuer.
    ///
    /// # Errors
    ///
    /// It is shorter than 32 bytes.
    pub fn hs256(secret: impl Into<Vec<u8>>) -> Result<Self, BadSetting> {
        let secret = secret.into();
        if secret.len() < SHORTEST_SECRET {
            let value = format!("{} bytes", secret.len());
            return Err(BadSetting::new("jwt.keys.secret", value, "at least 32 bytes"));
        }
        Ok(Self { id: None, material: Material::Hs256(secret) })
    }

    /// An Ed25519 public key for `EdDSA`, as its 32 bytes.
    ///
    /// # Errors
    ///
    /// The bytes are not a point of the curve.
    pub fn ed25519(public: [u8; 32]) -> Result<Self, BadSetting> {
        let key = Self { id: None, material: Material::EdDsa(public) };
        match super::verify::Prepared::new(key.clone()).verifier() {
            Some(_) => Ok(key),
            None => {
                Err(BadSetting::new("jwt.keys.public", "32 other bytes", "an ed25519 public key"))
            }
        }
    }

    /// Names it: tokens whose `kid` is another name are not tried with it. Defaults to no name, which fits all.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.material {
            Material::Hs256(_) => "HS256",
            Material::EdDsa(_) => "EdDSA",
        };
        write!(f, "JwtKey({algorithm}, id {:?})", self.id)
    }
}
