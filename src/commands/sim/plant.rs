use clap::Args;

#[cfg(feature = "flaws")]
use crate::runtime::flaw::{self, Flaw};

/// The bug that a run is to have: none, unless this program was built to be tested.
#[derive(Args, Clone, Copy, Debug)]
pub struct Plant {
    /// Plant a bug that the run must find
    #[cfg(feature = "flaws")]
    #[arg(long = "plant", value_enum, hide = true)]
    flaw: Option<Flaw>,
}

/// While it lives, its thread has the bug.
#[must_use]
pub struct Planted {
    #[cfg(feature = "flaws")]
    _guard: Option<flaw::Guard>,
}

impl Plant {
    /// Plants it on this thread.
    pub fn take_root(self) -> Planted {
        Planted {
            #[cfg(feature = "flaws")]
            _guard: self.flaw.map(flaw::plant),
        }
    }
}
