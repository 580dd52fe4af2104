//! The table of all figures.

use std::fmt;

/// What a figure is held against.
#[derive(Clone, Copy)]
enum Reference {
    None,
    /// kube-apiserver with etcd 3.6 on two cores.
    Upstream(f64),
    /// The most that it should be.
    Bound(f64),
}

/// One measured figure.
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    reference: Reference,
    /// Less is better.
    is_cost: bool,
}

impl Figure {
    /// Something of which more is better.
    pub fn rate(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, reference: Reference::None, is_cost: false }
    }

    /// Something of which less is better.
    pub fn cost(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { is_cost: true, ..Self::rate(name, value, unit) }
    }

    pub fn upstream(self, value: f64) -> Self {
        Self { reference: Reference::Upstream(value), ..self }
    }

    pub fn bound(self, value: f64) -> Self {
        Self { reference: Reference::Bound(value), ..self }
    }

    /// How many times better than the reference.
    fn ratio(&self) -> Option<f64> {
        match self.reference {
            Reference::None => None,
            Reference::Upstream(other) | Reference::Bound(other) if self.is_cost => Some(other / self.value),
            Reference::Upstream(other) | Reference::Bound(other) => Some(self.value / other),
        }
    }
}

/// All figures, in the order in which they were taken; each is printed as soon as it is known.
#[derive(Default)]
pub struct Report(Vec<Figure>);

impl Report {
    pub fn add(&mut self, figure: Figure) {
        eprintln!("{figure}");
        self.0.push(figure);
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = match self.reference {
            Reference::None => String::new(),
            Reference::Upstream(value) => number(value),
            Reference::Bound(value) => format!("at most {}", number(value)),
        };
        let ratio = self.ratio().map(|ratio| format!("{ratio:.1}x")).unwrap_or_default();
        write!(f, "{:<52} {:>10} {:<6} {:>14} {:>8}", self.name, number(self.value), self.unit, reference, ratio)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<52} {:>10} {:<6} {:>14} {:>8}", "", "here", "", "reference", "better")?;
        self.0.iter().try_for_each(|figure| writeln!(f, "{figure}"))?;
        write!(f, "reference: kube-apiserver with etcd 3.6 on two cores, or the bound that is set")
    }
}

/// Three significant digits or whole numbers.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
