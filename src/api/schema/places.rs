//! Where a field stands among those of its type, found without comparing names in order: every field of every body is looked up.

/// A table of open addresses, at most half full.
#[derive(Debug)]
pub(super) struct Places(Box<[u16]>);

const EMPTY: u16 = u16::MAX;

impl Places {
    /// Of names, in their order.
    pub fn of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut places = Self(vec![EMPTY; (names.len() * 2).next_power_of_two()].into());
        for (place, name) in names.enumerate() {
            let slot = places.slots(name).find(|slot| places.0[*slot] == EMPTY).expect("half of the slots are empty");
            places.0[slot] = u16::try_from(place).expect("no type has so many fields");
        }
        places
    }

    /// Where a name may stand, if it is one of them.
    pub fn candidates(&self, name: &str) -> impl Iterator<Item = usize> {
        self.slots(name).map(|slot| self.0[slot]).take_while(|place| *place != EMPTY).map(usize::from)
    }

    fn slots(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let mask = self.0.len() - 1;
        let start = spread(name.as_bytes());
        (0..=mask).map(move |step| (start + step) & mask)
    }
}

/// Length and three letters tell the fields of nearly all types apart.
fn spread(name: &[u8]) -> usize {
    let letter = |at: usize| name.get(at).map_or(0, |letter| usize::from(*letter));
    let (first, middle, last) = (letter(0), letter(name.len() / 2), letter(name.len().saturating_sub(1)));
    ((name.len() * 31 + first) * 31 + middle) * 31 + last
}
