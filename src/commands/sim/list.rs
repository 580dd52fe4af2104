use clap::Args;

use super::scenarios;
use crate::commands::Failure;
use crate::simulation::{Scenario, catalogue};

#[derive(Args, Debug)]
pub struct List {}

impl List {
    pub fn run(self) -> Result<(), Failure> {
        say!("scenarios:");
        for (name, text) in scenarios::SHIPPED {
            say!("  {name:<22} {}", Scenario::read(text)?.about);
        }
        for (title, is_users) in [("\nfaults:", false), ("\ndoings of users:", true)] {
            say!("{title}");
            for entry in catalogue().iter().filter(|entry| entry.is_users == is_users) {
                say!("  {:<22} {}", entry.name, entry.about);
            }
        }
        Ok(())
    }
}
