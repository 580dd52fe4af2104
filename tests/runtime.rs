//! The runtime under real conditions: real files, real processes, real signals.

mod runtime {
    mod durability;
}
