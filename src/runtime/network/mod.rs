//! The network of pods and services on this machine.
