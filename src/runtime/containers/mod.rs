//! Containers in the verbs of the Container Runtime Interface.
