//! The one source of chance: streams that are split by name, so that adding one actor disturbs no other.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Kubernetes' alphabet for generated names: no vowels (no words), no look-alikes (`k8s.io/apimachinery/pkg/util/rand`).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A named stream of chance. The same seed and path of names give the same stream.
pub struct Entropy {
    seed: [u8; 32],
    rng: ChaCha8Rng,
}

impl Entropy {
    /// The root of a run that can be repeated.
    pub fn from_seed(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self::from_bytes(bytes)
    }

    /// A root seeded by the operating system.
    #[allow(clippy::disallowed_methods, reason = "the one place that asks the system for chance")]
    pub fn from_system() -> Self {
        Self::from_bytes(rand::rng().random())
    }

    /// The root that had this seed, as [`Entropy::seed`] writes it.
    pub fn from_hex(seed: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(seed.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        (seed.len() == 64).then(|| Self::from_bytes(bytes))
    }

    /// What this stream comes from, in hexadecimal: who has it can repeat all that is drawn here and below.
    pub fn seed(&self) -> String {
        self.seed.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn from_bytes(seed: [u8; 32]) -> Self {
        Self { seed, rng: ChaCha8Rng::from_seed(seed) }
    }

    /// The stream of that name below this one; it does not depend on what was drawn from this one.
    pub fn split(&self, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(name.as_bytes());
        Self::from_bytes(hash.finalize().into())
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid()
    }

    /// `length` characters as Kubernetes appends them to a `generateName`.
    pub fn suffix(&mut self, length: usize) -> String {
        (0..length).map(|_| ALPHABET[self.rng.random_range(0..ALPHABET.len())] as char).collect()
    }

    /// The generator itself, for ranges, shuffles and choices.
    pub fn rng(&mut self) -> &mut (impl Rng + use<>) {
        &mut self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_name_and_not_on_what_its_parent_drew() {
        let mut parent = Entropy::from_seed(7);
        let mut early = parent.split("scheduler");
        parent.suffix(100);
        let mut late = parent.split("scheduler");
        assert_eq!(early.suffix(20), late.suffix(20));
        let mut again = Entropy::from_hex(&parent.seed()).unwrap().split("scheduler");
        assert_eq!(again.suffix(20), parent.split("scheduler").suffix(20));
        assert!(["", "12", &"zz".repeat(32), &"1".repeat(66)].iter().all(|text| Entropy::from_hex(text).is_none()));
        assert_ne!(parent.split("proxy").suffix(20), parent.split("dns").suffix(20));
    }
}
